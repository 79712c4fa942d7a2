// RuleCounts: how often each rule made an alert, under the name and labels that Falco has for it:
// falcosecurity_falco_rules_matches_total{rule_name,priority,source,tag_NAME="true"} (Falco 0.41, its documentation of
// metrics; priority is the number). A rule that never matched has no row, as there. Deciding thread; an alert costs one
// look into a vector.
#pragma once

#include <memory>
#include <vector>

#include "agent/base/metrics.h"
#include "agent/rule/engine.h"

namespace tiercel {

class RuleCounts {
 public:
  explicit RuleCounts(Metrics& metrics) : metrics_(metrics) {}
  void add(const rule::RuleSet& rules, rule::RuleId id);
  // The ids mean other rules from here on; a rule that is the same goes on where it was.
  void rules_changed() { counters_.clear(); }

 private:
  Metrics& metrics_;
  std::vector<Counter*> counters_;  // by id, as they are needed
};

// The labels of a rule's row; tags in Prometheus' alphabet, each once.
[[nodiscard]] Labels labels_of_rule(const rule::Rule& rule);

}  // namespace tiercel
