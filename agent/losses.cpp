#include "agent/losses.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "agent/sensor/missed.h"
#include "decoders/catalog.h"

namespace tiercel {
namespace {

constexpr uint64_t kReportIntervalNs = 10'000'000'000;
constexpr uint64_t kMissedIntervalNs = 10'000'000'000;

}  // namespace

LossWatch::LossWatch(Metrics& metrics, std::function<uint64_t()> missed)
    : metrics_(metrics),
      sums_{metrics.counter("falcosecurity_scap_n_evts_total",
                            "Records that the kernel made, those that it lost included"),
            metrics.counter("falcosecurity_scap_n_drops_total", "Records that found no room in the kernel"),
            metrics.counter("falcosecurity_scap_n_drops_buffer_total",
                            "Records that found no room in the kernel: a ring buffer was full"),
            metrics.counter("falcosecurity_scap_n_drops_scratch_map_total",
                            "Records that found no room in the kernel: programs nested deeper than there is scratch"),
            metrics.counter("tiercel_kernel_events_held_back_total",
                            "Records of cgroups that flooded, held back to leave room for others': lost on purpose")},
      missed_(missed ? std::move(missed) : [runs = sensor::MissedRuns()]() mutable { return runs.look(); }) {}

alert::Report told(const LossReport& report, uint64_t time_ns) {
  return {.priority = report.priority,
          .rule = "Tiercel internal: events lost",
          .message = fmt::format("{} events were lost in the kernel ({}); by container since the start: {}",
                                 report.lost, report.by_type, report.by_cgroup),
          .fields = {{"lost", report.lost},
                     {"by_type", report.by_type},
                     {"by_cgroup", report.by_cgroup},
                     {"reader_lag_ms", report.reader_lag_ms}},
          .time_ns = time_ns};
}

// Asked seldom: it costs a call for each program.
void LossWatch::look_at_missed(uint64_t now_ns) {
  if (missed_looked_ns_ != 0 && now_ns - missed_looked_ns_ < kMissedIntervalNs) return;
  missed_looked_ns_ = now_ns;
  missed_runs_ = missed_();
  metrics_
      .counter("tiercel_kernel_missed_runs_total",
               "Runs of the sensor's programs that the kernel left out: whether a record was to come is not known")
      .set(missed_runs_);
}

std::optional<LossReport> LossWatch::update(const sensor::KernelCounts& counts, uint64_t now_ns,
                                            uint64_t reader_lag_ns) {
  worst_lag_ns_ = std::max(worst_lag_ns_, reader_lag_ns);
  reported_.resize(counts.size());
  LossReport report;
  bool vital = false;
  total_lost_ = total_sent_ = held_back_ = filtered_ = 0;
  uint64_t vital_lost = 0, lost_ring = 0, lost_scratch = 0;
  for (const decoders::EventInfo& info : decoders::all_events()) {
    if (info.type >= counts.size()) continue;
    const sensor::KernelCount& count = counts[info.type];
    const std::string name(info.name);
    total_sent_ += count.sent;
    lost_ring += count.lost_ring;
    lost_scratch += count.lost_scratch;
    held_back_ += count.held_back;
    filtered_ += count.filtered;
    if (count.filtered > 0)
      metrics_
          .counter("tiercel_kernel_events_filtered_total",
                   "Events of which the kernel made no record, since no rule needs them: not lost", {{"event", name}})
          .set(count.filtered);
    if (count.sent > 0)
      metrics_.counter("tiercel_kernel_events_total", "Records that the kernel sent, by event type", {{"event", name}})
          .set(count.sent);
    const uint64_t lost = count.lost_ring + count.lost_scratch;
    if (lost + count.held_back == 0) continue;
    total_lost_ += lost + count.held_back;
    if (info.ring == decoders::Ring::kVital) vital_lost += lost;
    metrics_
        .counter("tiercel_kernel_events_lost_total", "Records that found no room in the kernel, by event type",
                 {{"event", name}})
        .set(lost + count.held_back);
    if (lost == reported_[info.type]) continue;
    vital |= info.ring == decoders::Ring::kVital;
    report.lost += lost - reported_[info.type];
    report.by_type += fmt::format("{}{}={}", report.by_type.empty() ? "" : " ", name, lost - reported_[info.type]);
  }
  look_at_missed(now_ns);
  vital |= missed_runs_ > missed_reported_;  // of which program's, nobody knows
  if (missed_runs_ > missed_reported_) {
    report.lost += missed_runs_ - missed_reported_;
    report.by_type += fmt::format("{}missed={}", report.by_type.empty() ? "" : " ", missed_runs_ - missed_reported_);
  }
  total_lost_ += missed_runs_;
  vital_lost += missed_runs_;
  sums_.evts.set(total_sent_ + total_lost_);  // Falco counts those that it dropped, too
  sums_.drops.set(total_lost_);
  sums_.drops_buffer.set(lost_ring);
  sums_.drops_scratch.set(lost_scratch);
  sums_.held_back.set(held_back_);
  vital_to_heal_ |= vital_lost > vital_lost_;
  vital_lost_ = vital_lost;
  const bool at_once = vital && !vital_told_;
  if (report.lost == 0 || (!at_once && last_report_ns_ != 0 && now_ns - last_report_ns_ < kReportIntervalNs))
    return std::nullopt;
  for (size_t type = 0; type < counts.size(); ++type)
    reported_[type] = counts[type].lost_ring + counts[type].lost_scratch;
  missed_reported_ = missed_runs_;
  last_report_ns_ = now_ns;
  vital_told_ |= vital;
  if (vital) report.priority = alert::Priority::kCritical;
  report.reader_lag_ms = std::exchange(worst_lag_ns_, 0) / 1'000'000;
  return report;
}

std::vector<CgroupLossRow> cgroup_loss_rows(const sensor::Source& source, context::Containers& containers) {
  std::vector<CgroupLossRow> rows;
  for (const sensor::CgroupLoss& loss : source.cgroup_losses()) {
    const auto known = containers.knows(loss.cgroup_id) ? containers.of_cgroup(loss.cgroup_id) : nullptr;
    const context::Container* container = known ? known->facts.get() : nullptr;
    const decoders::EventInfo* info = decoders::event_info(loss.type);
    rows.push_back({info ? std::string(info->name) : "", loss.cgroup_id,
                    container             ? container->id
                    : loss.cgroup_id != 0 ? "host"
                                          : "",
                    loss.lost, loss.held_back});
  }
  return rows;
}

std::string lost_by_container(const std::vector<CgroupLossRow>& rows) {
  std::map<std::string, uint64_t> sums;
  for (const CgroupLossRow& row : rows) sums[row.container.empty() ? "unknown" : row.container] += row.lost;
  std::vector<std::pair<std::string, uint64_t>> sorted(sums.begin(), sums.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out;
  for (const auto& [name, lost] : sorted) out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, lost);
  return out;
}

}  // namespace tiercel
