// Gatherer: a period's alerts, one after the other, to what a report says of them: counts of all, and the fields of as
// many as the page can carry. Its memory is bounded by the number of rules, containers and steps of the timeline, not
// by the number of alerts. Not thread-safe. What cannot be read as an alert is counted.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "agent/base/priority.h"
#include "agent/report/facts.h"
#include "agent/report/kept.h"

namespace tiercel::report {

inline constexpr size_t kRowsDefault = 2'000;

struct Period {
  uint64_t since_ns = 0, until_ns = 0;  // since <= time < until, since the epoch
};

struct RuleFound {
  std::string name, category;
  Kind kind = Kind::kAlert;
  Priority priority = Priority::kDebug;  // the most severe
  std::vector<std::string> techniques, tactics;
  uint64_t alerts = 0, kept = 0;
  uint64_t first_ns = 0, last_ns = 0;
};

// What the agent said of itself: its losses, gaps and troubles.
struct Notice {
  uint64_t time_ns = 0;
  Facts facts;
};

struct Found {
  struct Series {  // the timeline's counts that have these three in common
    uint32_t rule = 0, container = 0;
    uint8_t priority = 0;
    auto operator<=>(const Series&) const = default;
  };
  Period period;
  std::string host;
  std::vector<RuleFound> rules;
  std::vector<std::string> containers;
  uint64_t step_ns = 0;
  std::map<Series, std::map<uint32_t, uint64_t>> timeline;  // step -> alerts and receipts
  std::vector<KeptRow> rows;                                // alerts and receipts
  std::vector<Notice> notices;
  uint64_t alerts = 0, receipts = 0, notices_told = 0, unreadable = 0;
  std::array<uint64_t, kPriorityNames.size()> by_priority{};  // of alerts
  std::map<std::string, uint64_t> by_category;                // of alerts
  uint64_t events_lost = 0, alerts_lost = 0, gaps = 0, gaps_ms = 0;
};

class Gatherer {
 public:
  Gatherer(Period period, size_t rows_max);
  void add(uint64_t seq, uint64_t time_ns, std::string_view event_json);
  [[nodiscard]] Found finish();  // once

 private:
  uint32_t rule_of(const Facts& facts, uint64_t time_ns);
  uint32_t container_of(const std::string& name);
  void take_notice(Facts facts, uint64_t time_ns);
  void coarsen();

  Found found_;
  KeptRows kept_;
  std::unordered_map<std::string, uint32_t> rules_, containers_;
};

}  // namespace tiercel::report
