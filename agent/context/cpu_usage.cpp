#include "agent/context/cpu_usage.h"

#include <algorithm>
#include <utility>

#include "decoders/encode.h"

namespace tiercel::context {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kTickNs = 10'000'000;  // of cpu_usr and cpu_sys
constexpr double kWhole = 100'000;        // one CPU, in a record's 1/1000 %

// The scheduler's clock says how much, ticks say where: as cputime_adjust() of kernel/sched/cputime.c has it.
double user_share(uint64_t user_ns, uint64_t system_ns) {
  return system_ns == 0
             ? 1.0
             : static_cast<double>(user_ns) / (static_cast<double>(user_ns) + static_cast<double>(system_ns));
}

uint64_t share_of(uint64_t whole, double share) {
  return static_cast<uint64_t>(static_cast<double>(whole) * share);
}

uint32_t percent_of(uint64_t used_ns, uint64_t interval_ns) {
  return static_cast<uint32_t>(
      std::min(static_cast<double>(used_ns) / static_cast<double>(interval_ns) * kWhole, double{UINT32_MAX}));
}

}  // namespace

// A thread that ended during a look may be missing in it; what a process has used never gets less.
void CpuUsage::Used::raise_to(const Used& other) {
  run_ns = std::max(run_ns, other.run_ns);
  user_ns = std::max(user_ns, other.user_ns);
  system_ns = std::max(system_ns, other.system_ns);
}

CpuUsage::CpuUsage(Limits limits, Metrics& metrics)
    : limits_(limits),
      unmeasured_(metrics.counter("tiercel_processes_unmeasured_total",
                                  "Processes whose use of CPUs was not looked at, because there were too many")) {}

// Half a second early is nearer to the interval than half a second late.
bool CpuUsage::due(uint64_t now_ns) const {
  return looked_at_ns_ == 0 || now_ns + kSecondNs / 2 >= looked_at_ns_ + interval_ns_;
}

void CpuUsage::forget() {
  looked_at_ns_ = 0;
  before_ = {};
  now_ = {};
}

void CpuUsage::begin() {
  now_.clear();
  youngest_ns_ = 0;
}

void CpuUsage::take(std::span<const std::byte> bytes) {
  const auto record = decoders::Record::parse(bytes);
  const auto* thread = record ? record->as<ev_cpu_time>() : nullptr;
  if (!thread) return;
  const ev_head& head = thread->head;
  const ProcessKey key{head.pid, head.start_ns};
  youngest_ns_ = std::max(youngest_ns_, key.start_ns);
  auto at = now_.find(key);
  if (at == now_.end()) {
    if (now_.size() >= limits_.processes_max) {
      if (!(head.flags & EVF_THREAD)) unmeasured_.add();
      return;
    }
    at = now_.emplace(key, Seen{}).first;
    // As of its first record: what ends later is counted as a thread of its own, if at all.
    at->second.used = {thread->ended_run_ns, thread->ended_user_ns, thread->ended_system_ns};
  }
  Seen& seen = at->second;
  seen.used.run_ns += thread->run_ns;
  seen.used.user_ns += thread->user_ns;
  seen.used.system_ns += thread->system_ns;
  if (head.flags & EVF_THREAD) return;
  seen.head = head;
  seen.has_head = true;
}

std::vector<std::vector<std::byte>> CpuUsage::end(uint64_t now_ns, bool complete) {
  std::vector<std::vector<std::byte>> out;
  ByProcess<Seen> now = std::exchange(now_, {});
  if (!complete) return out;
  const uint64_t interval_ns = looked_at_ns_ == 0 ? 0 : now_ns - looked_at_ns_;
  ByProcess<Used> next;
  next.reserve(now.size());
  for (auto& [key, seen] : now) {
    const auto known = before_.find(key);
    // Who was not there at the last look has used nothing by then, if it is new.
    const bool measured = known != before_.end() || key.start_ns > youngest_before_ns_;
    const Used before = known == before_.end() ? Used{} : known->second;
    seen.used.raise_to(before);
    next.emplace(key, seen.used);
    if (interval_ns == 0 || !measured || !seen.has_head) continue;
    if (auto record = told(seen, before, interval_ns); !record.empty()) out.push_back(std::move(record));
  }
  before_ = std::move(next);
  looked_at_ns_ = now_ns;
  youngest_before_ns_ = std::max(youngest_before_ns_, youngest_ns_);
  return out;
}

std::vector<std::byte> CpuUsage::told(const Seen& seen, const Used& before, uint64_t interval_ns) const {
  const uint64_t used_ns = seen.used.run_ns - before.run_ns;
  const uint32_t percent = percent_of(used_ns, interval_ns);
  if (percent < limits_.told_from_percent * 1000) return {};
  const uint64_t user_ns =
      share_of(used_ns, user_share(seen.used.user_ns - before.user_ns, seen.used.system_ns - before.system_ns));
  const uint64_t total_user_ns = share_of(seen.used.run_ns, user_share(seen.used.user_ns, seen.used.system_ns));
  decoders::RecordBuilder<ev_procinfo> record(EVT_procinfo);
  const __u32 size = record->head.size;
  record->head = seen.head;
  record->head.type = EVT_procinfo;
  record->head.size = size;
  record->total_ns = seen.used.run_ns;
  record->interval_ns = interval_ns;
  record->cpu_usr = total_user_ns / kTickNs;
  record->cpu_sys = (seen.used.run_ns - total_user_ns) / kTickNs;
  record->cpu = percent;
  record->user = percent_of(user_ns, interval_ns);
  record->system = percent - std::min(percent, record->user);
  const auto bytes = record.bytes();
  return {bytes.begin(), bytes.end()};
}

}  // namespace tiercel::context
