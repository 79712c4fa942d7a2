// KeptRows: the alerts that the page carries with all their fields, when there are more than it can carry. A rule that
// fires often gives up its own alerts and nobody else's: of the rule with the most of them the second oldest goes, so
// that its first one stays, and its latest. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace tiercel::report {

struct KeptRow {
  uint64_t seq = 0, time_ns = 0;
  uint32_t rule = 0, container = 0;  // indexes of the report's tables
  uint8_t priority = 0;
  std::string event_json;
};

class KeptRows {
 public:
  KeptRows(size_t rows_max, size_t size_bytes_max) : rows_max_(rows_max), size_bytes_max_(size_bytes_max) {}
  void add(KeptRow row);
  [[nodiscard]] std::vector<KeptRow> take();  // by time, then seq

 private:
  struct Rule {
    std::deque<KeptRow> rows;
    size_t size_bytes = 0;
  };
  void drop_one(bool for_bytes);

  size_t rows_max_, size_bytes_max_;
  size_t rows_ = 0, size_bytes_ = 0;
  std::vector<Rule> rules_;
};

}  // namespace tiercel::report
