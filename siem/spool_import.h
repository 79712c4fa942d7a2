// Import: the rows that a spool file still holds which is in use no more: a damaged one, or one that could not be
// opened when the agent started. They are given some at a time, in the order of their lanes as long as the file is
// whole; of a damaged one each priority's table for itself, around what cannot be read.
//
// One thread. What cannot be read is gone: SQLite does not say how many rows that were.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
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
  Import(std::string path, const Bounds& bounds);
  // Rows that were not given before; none: that was all.
  [[nodiscard]] std::vector<alert::AlertPtr> next(size_t most);
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool whole() const { return whole_; }    // nothing was damaged
  [[nodiscard]] uint64_t rows() const { return rows_; }  // given so far

 private:
  std::vector<alert::AlertPtr> next_of_lane(size_t most);
  std::vector<alert::AlertPtr> next_of_damaged(size_t most);
  std::vector<alert::AlertPtr> take(std::vector<Row> rows);

  const std::string path_;
  const Bounds bounds_;
  std::unique_ptr<SpoolFile> file_;
  bool whole_ = true;
  uint64_t rows_ = 0;
  size_t lane_ = 0;
  std::array<uint64_t, kLanes> after_{};
  // After damage was met:
  size_t priority_ = 0;
  uint64_t last_seq_ = 0;  // of that priority's table; 0: not known yet
  std::array<uint64_t, kPriorities> salvaged_to_{};
  std::unordered_set<uint64_t> given_;
};

}  // namespace tiercel::siem
