#include "agent/heartbeat.h"

#include <fmt/core.h>

#include <string>
#include <utility>

namespace tiercel {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

}  // namespace

void Heartbeat::follow(const std::string& attached_digest) {
  if (attached_ == attached_digest) return;
  const bool first = std::exchange(attached_, attached_digest).empty();
  if (!first) soon();
}

bool Heartbeat::due(uint64_t now_ns) {
  if (interval_s_ == 0 || (last_ns_ != 0 && now_ns - last_ns_ < interval_s_ * kSecondNs)) return false;
  last_ns_ = now_ns;
  return true;
}

// Informational, as Falco's snapshot of metrics is; and routine: it is nothing to look at as it comes.
alert::Report heartbeat_report(uint64_t time_ns, const Status& status) {
  const reload::RulesInfo& rules = status.rules.rules;
  return {.priority = alert::Priority::kInformational,
          .rule = std::string(kHeartbeatRule),
          .message = fmt::format(
              "tiercel {} is well: {} rules active, digest {}; up {} s, {} events, {} alerts, {} lost", status.version,
              rules.active, rules.digest, status.uptime_s, status.events, status.alerts, status.lost()),
          .fields = {{"rules_digest", rules.digest},
                     {"rules_active", rules.active},
                     {"agent_version", status.version},
                     {"uptime_s", status.uptime_s},
                     {"events", status.events},
                     {"alerts", status.alerts},
                     {"lost", status.lost()},
                     {"attached", status.attached.hooks},
                     {"attached_digest", status.attached.digest}},
          .time_ns = time_ns,
          .routine = true};
}

alert::Report refusal_report(const reload::Outcome& outcome) {
  return {.priority = alert::Priority::kWarning,
          .rule = "Tiercel internal: rules refused",
          .message = fmt::format("rules were refused ({}): {}. The rules that run stay: {}", outcome.causes,
                                 outcome.reason, outcome.summary()),
          .fields = {{"errors", uint64_t{outcome.errors}},
                     {"rules_digest", outcome.rules.digest},
                     {"rules_active", outcome.rules.active}},
          .time_ns = outcome.at_ns};
}

}  // namespace tiercel
