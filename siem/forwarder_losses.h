// RefusedAlerts: what a service refused for good, as reports "Tiercel internal: alerts lost": the first at once, then
// one a minute with what came meanwhile. A report of this kind that is refused itself is counted, and not reported
// again. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "agent/alert/report.h"

namespace tiercel::siem {

class RefusedAlerts {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;
  RefusedAlerts(std::string output, alert::Reports& reports) : output_(std::move(output)), reports_(reports) {}

  void add(const std::string& rule, const std::string& answer);
  // Reports what there is if it is time, or if this is the end.
  void tell(uint64_t now_ns, bool last = false);
  [[nodiscard]] uint64_t due_ns() const { return by_rule_.empty() ? kNever : next_ns_; }

 private:
  const std::string output_;
  alert::Reports& reports_;
  std::map<std::string, uint64_t> by_rule_;  // not told yet
  std::string answer_;                       // the last one
  uint64_t next_ns_ = 0;
};

}  // namespace tiercel::siem
