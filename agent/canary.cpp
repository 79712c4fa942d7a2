#include "agent/canary.h"

#include <fmt/core.h>

#include <cstring>
#include <utility>

#include "agent/base/broker.h"
#include "agent/base/canary_calls.h"
#include "agent/base/log.h"
#include "decoders/catalog.h"

namespace tiercel {
namespace {

constexpr unsigned kPatienceLooks = 6;  // seconds, about

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string_view name_of(uint16_t type) {
  const decoders::EventInfo* info = decoders::event_info(type);
  return info != nullptr ? info->name : "";
}

// What a failed call of that kind says does not touch what is known of processes.
bool may_prove(uint16_t type) {
  const decoders::EventInfo* info = decoders::event_info(type);
  return info != nullptr && (info->category == "FILE" || info->category == "NET") && type != EVT_chdir &&
         type != EVT_fchdir && type != EVT_mount && type != EVT_umount2;
}

}  // namespace

Canaries::Canaries(Start start, Metrics& metrics)
    : start_(std::move(start)),
      tries_(metrics.counter("tiercel_canaries_total", "Calls that the agent made to try its hooks")),
      misses_(metrics.counter("tiercel_canaries_missed_total",
                              "Of these, those that were not told while nothing was lost")),
      proofs_(metrics.counter("tiercel_canary_proofs_total", "Canaries that a rule matched")) {}

Result<> Canaries::begin(const std::string& name) {
  std::vector<uint8_t> calls;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [type, hook] : hooks_) hook.awaited = hook.came = false;
    for (size_t at = 0; at < canary_calls().size(); ++at) {
      const decoders::EventInfo* info = decoders::event_by_name(canary_calls()[at].event);
      if (info == nullptr || !wanted_(info->type)) continue;
      hooks_[info->type].awaited = true;
      calls.push_back(static_cast<uint8_t>(at));
    }
    // What rules ask for no more is not tried any more, and nobody is deaf for it.
    std::erase_if(hooks_, [](const auto& hook) { return !hook.second.awaited; });
  }
  name_ = name;
  ended_ = proved_ = false;
  looks_ = 0;
  lost_.reset();
  auto started = start_(name, calls);
  if (!started && !calls.empty()) {  // nobody tried: nobody is deaf
    log::debug("no canaries: {}", started.error().message);
    forget();
    started = start_(name, {});
  }
  if (!started) {
    name_.clear();
    return tl::unexpected(started.error());
  }
  pid_ = *started;
  tries_.add(calls.size());
  return {};
}

void Canaries::forget() {
  const std::lock_guard lock(mutex_);
  hooks_.clear();
}

bool Canaries::see(std::span<const std::byte> bytes, const Clock& clock) {
  if (name_.empty() || ended_ || bytes.size() < sizeof(ev_head)) return false;
  ev_head head;
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.pid != static_cast<uint32_t>(pid_) ||
      std::string_view(head.comm, ::strnlen(head.comm, sizeof head.comm)) != name_)
    return false;
  if (head.type == EVT_procexit) {
    ended_ = true;  // its pid may be somebody else's from here on
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    const auto hook = hooks_.find(head.type);
    if (hook == hooks_.end()) return false;
    hook->second.came = true;
  }
  if (!proved_ && prove_ && may_prove(head.type)) prove(bytes, clock);
  return true;
}

void Canaries::prove(std::span<const std::byte> bytes, const Clock& clock) {
  proved_ = true;
  if (!prove_(bytes)) return;
  ev_head head;
  std::memcpy(&head, bytes.data(), sizeof head);
  const uint64_t now_ns = clock.boottime_ns();
  road_ns_ = now_ns > head.time_ns ? now_ns - head.time_ns : 0;
  proof_of_ = name_of(head.type);
  proofs_.add();
}

std::vector<alert::Report> Canaries::look(uint64_t lost) {
  std::vector<alert::Report> reports;
  if (name_.empty()) return reports;
  if (!lost_) lost_ = lost;
  ++looks_;
  // One look more after its end, so that a bulk ring that is behind has its turn.
  if ((!ended_ || looks_ < 2) && looks_ < kPatienceLooks) return reports;
  // Without its end nobody is deaf but all: the self-test tells. After a loss it proves nothing.
  if (ended_ && lost == *lost_) judge(reports);
  name_.clear();
  return reports;
}

void Canaries::judge(std::vector<alert::Report>& reports) {
  std::vector<std::string> deaf, well;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [type, hook] : hooks_) {
      if (hook.came) {
        if (hook.deaf) well.emplace_back(name_of(type));
        hook = {.awaited = true, .came = true, .heard = true, .deaf = false, .missed = 0};
        continue;
      }
      if (!hook.heard) continue;
      misses_.add();
      doubt_ |= ++hook.missed == 1;
      if (hook.missed != 2) continue;
      hook.deaf = true;
      deaf.emplace_back(name_of(type));
    }
  }
  if (!deaf.empty()) {
    log::error(
        "hooks went deaf: {}: calls that this agent made itself were not told twice in a row; restart the agent, and "
        "look for who did this",
        joined(deaf));
    reports.push_back(
        {Priority::kCritical,
         std::string(kDeafRule),
         fmt::format("the kernel does not tell of {} any more: calls that the agent itself made did not come back, "
                     "twice in a row, and nothing was lost. Somebody detached these hooks; what happens there is "
                     "not seen. Restart the agent",
                     joined(deaf)),
         {{"state", "deaf"}, {"hooks", joined(deaf)}, {"count", uint64_t{deaf.size()}}}});
  }
  if (!well.empty())
    reports.push_back({Priority::kWarning,
                       std::string(kDeafRule),
                       fmt::format("the kernel tells of {} again", joined(well)),
                       {{"state", "heard"}, {"hooks", joined(well)}, {"count", uint64_t{well.size()}}}});
}

std::optional<alert::Report> Canaries::proof() const {
  if (proof_of_.empty()) return std::nullopt;
  const Counts now = counts();
  return alert::Report{
      .priority = Priority::kInformational,
      .rule = std::string(alert::kCanaryRule),
      .message = fmt::format(
          "a call to {} of the agent's own was told, matched and made an alert of within {} us; {} hooks tell, "
          "{} are deaf",
          proof_of_, now.latency_ns / 1'000, now.heard, now.deaf.size()),
      .fields = {{"event", proof_of_},
                 {"latency_us", now.latency_ns / 1'000},
                 {"hooks_heard", uint64_t{now.heard}},
                 {"hooks_silent", uint64_t{now.silent}},
                 {"hooks_deaf", uint64_t{now.deaf.size()}}},
      .routine = true};
}

Canaries::Counts Canaries::counts() const {
  Counts out;
  out.latency_ns = road_ns_;
  const std::lock_guard lock(mutex_);
  for (const auto& [type, hook] : hooks_) {
    if (hook.deaf)
      out.deaf.emplace_back(name_of(type));
    else
      ++(hook.heard ? out.heard : out.silent);
  }
  return out;
}

Result<pid_t> start_canary_child(const std::string& name, std::span<const uint8_t> calls) {
  return broker::runs() && !calls.empty() ? broker::start_canaries(name, calls) : start_canaries(name, calls);
}

}  // namespace tiercel
