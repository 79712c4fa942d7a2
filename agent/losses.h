// LossWatch: turns the kernel's counts into metrics and says when something was lost. Deciding thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/alert/alert.h"
#include "agent/alert/report.h"
#include "agent/base/metrics.h"
#include "agent/context/containers.h"
#include "agent/sensor/source.h"

namespace tiercel {

// What one cgroup lost of one event type, since the start.
struct CgroupLossRow {
  std::string event;
  uint64_t cgroup_id = 0;  // 0: cgroups beyond what the kernel's table holds
  std::string container;   // its id, "host", or "" if unknown
  uint64_t lost = 0;
  uint64_t held_back = 0;  // of these, because it flooded
};

struct LossReport {
  alert::Priority priority = alert::Priority::kWarning;  // critical when a vital class lost something
  uint64_t lost = 0;                                     // since the last report
  std::string by_type;                                   // "openat=120 connect=3"
  std::string by_cgroup;                                 // "0af5b1c2d3e4=120 host=3", since the start
  uint64_t reader_lag_ms = 0;                            // how late the reader came at most: the usual cause
};

// As an alert: "Tiercel internal: events lost".
[[nodiscard]] alert::Report told(const LossReport& report, uint64_t time_ns);

class LossWatch {
 public:
  // missed: programs that the kernel did not run, since the start (sensor/missed.h); tests count their own.
  explicit LossWatch(Metrics& metrics, std::function<uint64_t()> missed = {});
  // Once per tick. At most one report per 10 s, except for the first loss of a vital class, which is told at once.
  // reader_lag_ns: how late the reader came to a record at most since the last tick.
  std::optional<LossReport> update(const sensor::KernelCounts& counts, uint64_t now_ns, uint64_t reader_lag_ns = 0);
  // True once after each new loss of a vital class: what is known of processes has to be put right.
  bool take_vital_loss() { return std::exchange(vital_to_heal_, false); }
  [[nodiscard]] uint64_t lost() const { return total_lost_; }  // with what was held back
  [[nodiscard]] uint64_t held_back() const { return held_back_; }
  [[nodiscard]] uint64_t vital_lost() const { return vital_lost_; }
  [[nodiscard]] uint64_t seen() const { return total_sent_; }
  [[nodiscard]] uint64_t filtered() const { return filtered_; }  // by the kernel, since no rule needs them

 private:
  // Over all event types, by the names that Falco has for them.
  struct Sums {
    Counter &evts, &drops, &drops_buffer, &drops_scratch, &held_back;
  };
  void look_at_missed(uint64_t now_ns);
  Metrics& metrics_;
  Sums sums_;
  std::function<uint64_t()> missed_;
  uint64_t missed_runs_ = 0, missed_reported_ = 0, missed_looked_ns_ = 0;
  std::vector<uint64_t> reported_;  // per event type
  uint64_t last_report_ns_ = 0;
  uint64_t total_lost_ = 0, total_sent_ = 0, held_back_ = 0, filtered_ = 0;
  uint64_t vital_lost_ = 0;
  bool vital_told_ = false, vital_to_heal_ = false;
  uint64_t worst_lag_ns_ = 0;  // since the last report
};

// What the source counted, with the names of containers.
[[nodiscard]] std::vector<CgroupLossRow> cgroup_loss_rows(const sensor::Source& source,
                                                          context::Containers& containers);

// By container ("host", "unknown"), most first: "0af5b1c2d3e4=120 host=3".
[[nodiscard]] std::string lost_by_container(const std::vector<CgroupLossRow>& rows);

}  // namespace tiercel
