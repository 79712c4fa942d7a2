// Asides: spool files that are in use no more and may hold rows that nobody had yet: one that was damaged, one that
// could not be opened when the agent started, one that was removed under the agent and is still open. They are read one
// after the other (Import); then a file that was whole is removed, and one that was not is kept as spool.db.damaged.
//
// A file is put aside as spool.db.import (spool.db.import-2 while that one is still being read, and so on), so that an
// agent that ends meanwhile finds it again. One thread: the spool's. Errors go to the log, and what could not be moved
// is tried again. Facts: https://www.sqlite.org/howtocorrupt.html, "Unlinking or renaming a database file while in
// use".
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "siem/spool_import.h"

namespace tiercel::siem {

class Asides {
 public:
  struct Facts {
    std::string why;  // empty: it was only opened late
    Import::Bounds bounds;
    std::optional<uint64_t> rows_at_most;  // that should be in it and wait; nothing: not known
    // As long as it is open it is read with its log as it was, whatever was done to that meanwhile.
    std::shared_ptr<SpoolFile> open;
    bool has_name = true;  // false: another file, or none, is in its place
  };
  explicit Asides(std::string path) : path_(std::move(path)) {}

  void find();                // what an agent before this one has left
  void add(Facts facts);      // what is at the path now, if anything: move() it
  [[nodiscard]] bool move();  // true: nothing is at the path that must be kept
  [[nodiscard]] bool any() const { return !files_.empty() || waiting_; }
  [[nodiscard]] bool readable() const { return !files_.empty(); }
  // Rows of the first of them that were not given before, perhaps none this time; nothing: it has no more.
  [[nodiscard]] std::optional<std::vector<alert::AlertPtr>> next(size_t most);
  struct End {
    std::string why, kept_as;  // kept_as: empty if it was whole
    uint64_t rows = 0;         // given
    std::optional<uint64_t> lost_at_most;
  };
  [[nodiscard]] End end_first();  // after next() gave nothing

 private:
  struct Aside {
    std::string path;  // empty: there is none
    Facts facts;
    std::unique_ptr<Import> import;  // while it is being read
  };
  [[nodiscard]] std::string free_name() const;

  const std::string path_;
  std::deque<Aside> files_;
  std::optional<Facts> waiting_;  // to be moved
};

}  // namespace tiercel::siem
