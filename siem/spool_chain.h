// Chain: the rows of one priority's table in order, each proved to follow the one before it.
//
// SQLite finds a row by numbers that stand on the page. Bytes of a page that were changed under it may be other
// numbers, and then rows are passed over without an error. So each row says its own number once more, and that of the
// row that was written before it in its table: one that is missing shows at the next, or at the end by what was written
// last.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "siem/database.h"

namespace tiercel::siem {

// What the thread that writes knows of a table; others read it.
struct TableFacts {
  std::atomic<uint64_t> written_to{0};  // its highest number that is on the disk
  std::atomic<uint64_t> lost_to{0};     // a limit removed rows up to there (or is about to)
};

class Chain {
 public:
  // Rows after `after`. known: those up to it were read or are done with, so the first must follow it.
  Chain(Database& database, size_t priority, uint64_t after, bool known, const TableFacts& facts);
  // To the next row. False: there is none, or trouble.
  bool step();
  [[nodiscard]] bool at_row() const { return at_row_; }
  [[nodiscard]] uint64_t seq() const { return seq_; }
  [[nodiscard]] std::string_view data() const { return statement_.bytes(1); }  // until the next step()
  [[nodiscard]] Outcome<> end() const;

 private:
  [[nodiscard]] bool follows(uint64_t previous) const;

  const TableFacts& facts_;
  const uint64_t written_to_;  // before the statement's snapshot
  Statement statement_;
  uint64_t seq_;
  bool known_, at_row_ = false, broken_ = false;
};

}  // namespace tiercel::siem
