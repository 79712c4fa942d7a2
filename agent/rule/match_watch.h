// MatchWatch: what matching tells of each rule while somebody looks at it (agent/look). Matcher fills it; without one
// it counts nothing. One thread: the matcher's.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/base/clock.h"
#include "agent/rule/rule.h"

namespace tiercel::rule {

struct RuleCounts {
  uint64_t tried = 0;     // its program was run
  uint64_t held = 0;      // its condition held
  uint64_t alerts = 0;    // made; a rule that counts makes fewer than it held
  uint64_t timed = 0;     // of tried: those of events that were timed
  uint64_t tried_ns = 0;  // what those took. Tests are shared: who asks one first pays for it
  uint64_t cost_ns = 0;   // estimate over all events: tries, and the making of alerts
};

class MatchWatch {
 public:
  MatchWatch(const Clock& clock, size_t rules) : rules_(rules), clock_(clock) {
    for (int n = 0; n < kTrials; ++n) {
      const uint64_t begun_ns = clock_.monotonic_ns();
      const uint64_t took_ns = clock_.monotonic_ns() - begun_ns;
      if (n == 0 || took_ns < clock_ns_) clock_ns_ = took_ns;
    }
  }

  // For each event: the number of events that it stands for, if its parts are timed; else 0.
  void begin(uint64_t weight) {
    weight_ = weight;
    if (weight_ > 0) lap_ns_ = clock_.monotonic_ns();
  }
  void found() {  // the rules that are worth trying are known
    if (weight_ > 0) finding_ns_ += lap() * weight_;
  }
  void tried(RuleId id, bool held) {
    RuleCounts& counts = rules_[id];
    ++counts.tried;
    counts.held += held ? 1 : 0;
    if (weight_ == 0) return;
    const uint64_t took_ns = lap();
    ++counts.timed;
    counts.tried_ns += took_ns;
    counts.cost_ns += took_ns * weight_;
  }
  void alerted(RuleId id) {
    ++rules_[id].alerts;
    if (weight_ > 0) rules_[id].cost_ns += lap() * weight_;
  }

  [[nodiscard]] const std::vector<RuleCounts>& rules() const { return rules_; }
  [[nodiscard]] uint64_t finding_ns() const { return finding_ns_; }  // estimate over all events
  // Another set runs from here on.
  void restart(size_t rules) {
    rules_.assign(rules, {});
    finding_ns_ = 0;
  }

 private:
  static constexpr int kTrials = 32;
  // Since the last lap, without what looking at the clock takes.
  uint64_t lap() {
    const uint64_t now_ns = clock_.monotonic_ns();
    const uint64_t took_ns = now_ns - lap_ns_;
    lap_ns_ = now_ns;
    return took_ns > clock_ns_ ? took_ns - clock_ns_ : 0;
  }

  std::vector<RuleCounts> rules_;
  const Clock& clock_;
  uint64_t weight_ = 0, lap_ns_ = 0, clock_ns_ = 0, finding_ns_ = 0;
};

}  // namespace tiercel::rule
