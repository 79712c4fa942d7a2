// LossWatch: turns the kernel's counts into metrics and says when something was lost. Deciding thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/alert/alert.h"
#include "agent/base/metrics.h"
#include "agent/sensor/source.h"

namespace tiercel {

struct LossReport {
  alert::Priority priority = alert::Priority::kWarning;  // critical when a vital class lost something
  uint64_t lost = 0;                                     // since the last report
  std::string by_type;                                   // "openat=120 connect=3"
  uint64_t reader_lag_ms = 0;                            // how late the reader came at most: the usual cause
};

class LossWatch {
 public:
  explicit LossWatch(Metrics& metrics) : metrics_(metrics) {}
  // Once per tick. At most one report per 10 s, except for the first loss of a vital class, which is told at once.
  // reader_lag_ns: how late the reader came to a record at most since the last tick.
  std::optional<LossReport> update(const sensor::KernelCounts& counts, uint64_t now_ns, uint64_t reader_lag_ns = 0);
  [[nodiscard]] uint64_t lost() const { return total_lost_; }
  [[nodiscard]] uint64_t seen() const { return total_sent_; }

 private:
  Metrics& metrics_;
  std::vector<uint64_t> reported_;  // per event type
  uint64_t last_report_ns_ = 0;
  uint64_t total_lost_ = 0, total_sent_ = 0;
  bool vital_told_ = false;
  uint64_t worst_lag_ns_ = 0;  // since the last report
};

}  // namespace tiercel
