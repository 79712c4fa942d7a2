#include "siem/forwarder_losses.h"

#include <fmt/core.h>

#include <utility>

#include "agent/base/log.h"

namespace tiercel::siem {
namespace {

constexpr uint64_t kEveryNs = 60'000'000'000;
constexpr size_t kRulesMax = 100;  // told apart
constexpr const char* kReport = "Tiercel internal: alerts lost";

}  // namespace

void RefusedAlerts::add(const std::string& rule, const std::string& answer) {
  answer_ = answer;
  if (rule == kReport) return;
  const bool known = by_rule_.size() < kRulesMax || by_rule_.contains(rule);
  ++by_rule_[known ? rule : "other rules"];
}

void RefusedAlerts::tell(uint64_t now_ns, bool last) {
  if (by_rule_.empty() || (!last && now_ns < next_ns_)) return;
  next_ns_ = now_ns + kEveryNs;
  uint64_t rows = 0;
  std::string by_rule;
  for (const auto& [rule, count] : std::exchange(by_rule_, {})) {
    rows += count;
    by_rule += fmt::format("{}{}={}", by_rule.empty() ? "" : "; ", rule, count);
  }
  log::error("the output {} refused {} alerts for good ({}): {}", output_, rows, answer_, by_rule);
  reports_.put(
      {alert::Priority::kCritical,
       kReport,
       fmt::format("{} alerts were refused for good by the output {} ({}): {}", rows, output_, answer_, by_rule),
       {{"lost", rows}, {"output", output_}, {"answer", answer_}, {"by_rule", by_rule}}});
}

}  // namespace tiercel::siem
