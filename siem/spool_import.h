// Import: the rows that a spool file still holds which is in use no more: a damaged one, or one that could not be
// opened when the agent started. They are given some at a time, in the order of their lanes as long as the file is
// whole; of a damaged one each priority's table for itself, around what cannot be read.
//
// One thread. What cannot be read is gone: SQLite does not say how many rows that were.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "siem/spool_file.h"

namespace tiercel::siem {

class Import {
 public:
  // Of each lane the rows in (after, upto] matter: others are done, or still in memory.
  struct Bounds {
    std::array<uint64_t, kLanes> after{};
    std::array<uint64_t, kLanes> upto{UINT64_MAX, UINT64_MAX};
  };
  Import(const std::string& path, const Bounds& bounds);          // opens it, as far as that is possible
  Import(std::shared_ptr<SpoolFile> open, const Bounds& bounds);  // one that is open still
  // Rows that were not given before, perhaps none this time; nothing: that was all.
  [[nodiscard]] std::optional<std::vector<alert::AlertPtr>> next(size_t most);
  [[nodiscard]] bool whole() const { return whole_; }    // nothing was damaged
  [[nodiscard]] uint64_t rows() const { return rows_; }  // given so far
  // That are in the file and were done with: they come before the bounds.
  [[nodiscard]] uint64_t rows_before() const { return rows_before_; }

 private:
  std::vector<alert::AlertPtr> next_of_lane(size_t most);
  std::vector<alert::AlertPtr> take(std::vector<Row> rows);
  struct Table {
    bool begun = false, walked = false;
    bool suspect = false;  // rows may have been passed by
    uint64_t walked_to = 0, asked_to = 0, last = 0;
  };
  void begin(Table& table) const;
  std::vector<alert::AlertPtr> walk(Table& table, size_t most);
  std::vector<alert::AlertPtr> ask(Table& table, size_t most);

  const Bounds bounds_;
  std::shared_ptr<SpoolFile> file_;
  bool whole_ = true;
  uint64_t rows_ = 0, rows_before_ = 0;
  size_t lane_ = 0;
  std::array<uint64_t, kLanes> after_{};
  // After damage was met:
  size_t priority_ = 0;
  std::array<Table, kPriorities> tables_;
  std::unordered_set<uint64_t> given_;
};

}  // namespace tiercel::siem
