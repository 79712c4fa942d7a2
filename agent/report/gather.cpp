#include "agent/report/gather.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace tiercel::report {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kStepsMax = 3'000;      // of the timeline
constexpr size_t kCountsMax = 40'000;      // numbers that it takes: beyond, its steps get longer
constexpr size_t kContainersMax = 500;     // told apart
constexpr size_t kNoticesMax = 300;        // told one by one
constexpr size_t kRowBytesMax = 12 << 20;  // of all kept rows
constexpr const char* kOthers = "other containers";

// The shortest step that a person would choose.
uint64_t step_ns_for(const Period& period) {
  const uint64_t span_ns = std::max(period.until_ns, period.since_ns + 1) - period.since_ns;
  for (const uint64_t step_s : {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1'800, 3'600, 7'200, 21'600, 43'200})
    if (span_ns / (step_s * kSecondNs) < kStepsMax) return step_s * kSecondNs;
  uint64_t step_ns = 86'400 * kSecondNs;
  while (span_ns / step_ns >= kStepsMax) step_ns *= 2;
  return step_ns;
}

void add_new(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const std::string& one : from)
    if (std::find(to.begin(), to.end(), one) == to.end()) to.push_back(one);
}

}  // namespace

Gatherer::Gatherer(Period period, size_t rows_max) : kept_(rows_max, kRowBytesMax) {
  found_.period = period;
  found_.step_ns = step_ns_for(period);
}

uint32_t Gatherer::rule_of(const Facts& facts, uint64_t time_ns) {
  const auto [at, is_new] = rules_.try_emplace(facts.rule, static_cast<uint32_t>(found_.rules.size()));
  if (is_new) {
    RuleFound& made = found_.rules.emplace_back();
    made.name = facts.rule;
    made.kind = facts.kind;
    made.first_ns = time_ns;
  }
  RuleFound& rule = found_.rules[at->second];
  rule.category = facts.category;
  rule.priority = std::min(rule.priority, facts.priority);
  add_new(rule.techniques, facts.techniques);
  add_new(rule.tactics, facts.tactics);
  ++rule.alerts;
  rule.first_ns = std::min(rule.first_ns, time_ns);
  rule.last_ns = std::max(rule.last_ns, time_ns);
  return at->second;
}

uint32_t Gatherer::container_of(const std::string& name) {
  const bool known = containers_.contains(name) || containers_.size() < kContainersMax;
  const std::string& shown = known ? name : kOthers;
  const auto [at, is_new] = containers_.try_emplace(shown, static_cast<uint32_t>(found_.containers.size()));
  if (is_new) found_.containers.push_back(shown);
  return at->second;
}

void Gatherer::take_notice(Facts facts, uint64_t time_ns) {
  ++found_.notices_told;
  if (facts.rule.ends_with("events lost")) found_.events_lost += facts.lost;
  if (facts.rule.ends_with("alerts lost")) found_.alerts_lost += facts.lost;
  if (facts.rule.ends_with("gap")) {
    ++found_.gaps;
    found_.gaps_ms += facts.gap_ms;
  }
  // What was lost comes before what was only said.
  if (found_.notices.size() >= kNoticesMax) {
    const auto least =
        std::max_element(found_.notices.begin(), found_.notices.end(),
                         [](const Notice& a, const Notice& b) { return a.facts.priority < b.facts.priority; });
    if (least->facts.priority <= facts.priority) return;
    found_.notices.erase(least);
  }
  found_.notices.push_back({time_ns, std::move(facts)});
}

void Gatherer::add(uint64_t seq, uint64_t time_ns, std::string_view event_json) {
  std::optional<Facts> facts = facts_of(event_json);
  if (!facts) {
    ++found_.unreadable;
    return;
  }
  if (!facts->host.empty()) found_.host = facts->host;
  if (facts->kind == Kind::kHeartbeat) return;
  if (facts->kind == Kind::kNotice) {
    take_notice(std::move(*facts), time_ns);
    return;
  }
  const uint32_t rule = rule_of(*facts, time_ns), container = container_of(facts->container);
  const auto priority = static_cast<uint8_t>(facts->priority);
  const Period& period = found_.period;
  const uint64_t inside_ns = std::clamp(time_ns, period.since_ns, std::max(period.until_ns, period.since_ns + 1) - 1);
  ++found_.timeline[{rule, container, priority}][static_cast<uint32_t>((inside_ns - period.since_ns) / found_.step_ns)];
  if (facts->kind == Kind::kAlert) {
    ++found_.alerts;
    ++found_.by_priority[priority];
    ++found_.by_category[facts->category];
  } else {
    ++found_.receipts;
  }
  kept_.add({seq, time_ns, rule, container, priority, std::string(event_json)});
}

void Gatherer::coarsen() {
  for (;;) {
    size_t counts = 0;
    for (const auto& [series, steps] : found_.timeline) counts += steps.size();
    if (counts <= std::max(kCountsMax, found_.timeline.size())) return;
    found_.step_ns *= 2;
    for (auto& [series, steps] : found_.timeline) {
      std::map<uint32_t, uint64_t> longer;
      for (const auto& [step, count] : steps) longer[step / 2] += count;
      steps = std::move(longer);
    }
  }
}

Found Gatherer::finish() {
  coarsen();
  found_.rows = kept_.take();
  for (const KeptRow& row : found_.rows) ++found_.rules[row.rule].kept;
  return std::move(found_);
}

}  // namespace tiercel::report
