#include "agent/losses.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "decoders/catalog.h"

namespace tiercel {
namespace {

constexpr uint64_t kReportIntervalNs = 10'000'000'000;

}  // namespace

std::optional<LossReport> LossWatch::update(const sensor::KernelCounts& counts, uint64_t now_ns,
                                            uint64_t reader_lag_ns) {
  worst_lag_ns_ = std::max(worst_lag_ns_, reader_lag_ns);
  reported_.resize(counts.size());
  LossReport report;
  bool vital = false;
  total_lost_ = total_sent_ = 0;
  uint64_t vital_lost = 0;
  for (const decoders::EventInfo& info : decoders::all_events()) {
    if (info.type >= counts.size()) continue;
    const sensor::KernelCount& count = counts[info.type];
    const std::string name(info.name);
    total_sent_ += count.sent;
    if (count.sent > 0)
      metrics_.counter("tiercel_kernel_events_total", "Records that the kernel sent, by event type", name)
          .set(count.sent);
    const uint64_t lost = count.lost_ring + count.lost_scratch;
    if (lost == 0) continue;
    total_lost_ += lost;
    if (info.ring == decoders::Ring::kVital) vital_lost += lost;
    metrics_
        .counter("tiercel_kernel_events_lost_total", "Records that found no room in the kernel, by event type", name)
        .set(lost);
    if (lost == reported_[info.type]) continue;
    vital |= info.ring == decoders::Ring::kVital;
    report.lost += lost - reported_[info.type];
    report.by_type += fmt::format("{}{}={}", report.by_type.empty() ? "" : " ", name, lost - reported_[info.type]);
  }
  vital_to_heal_ |= vital_lost > vital_lost_;
  vital_lost_ = vital_lost;
  const bool at_once = vital && !vital_told_;
  if (report.lost == 0 || (!at_once && last_report_ns_ != 0 && now_ns - last_report_ns_ < kReportIntervalNs))
    return std::nullopt;
  for (size_t type = 0; type < counts.size(); ++type)
    reported_[type] = counts[type].lost_ring + counts[type].lost_scratch;
  last_report_ns_ = now_ns;
  vital_told_ |= vital;
  if (vital) report.priority = alert::Priority::kCritical;
  report.reader_lag_ms = std::exchange(worst_lag_ns_, 0) / 1'000'000;
  return report;
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
