#include "agent/rule_counts.h"

#include <algorithm>
#include <string>
#include <utility>

namespace tiercel {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

Labels labels_of_rule(const rule::Rule& rule) {
  std::vector<Label> labels{{"rule_name", rule.name},
                            {"priority", std::to_string(static_cast<unsigned>(rule.priority))},
                            {"source", rule.source}};
  for (const std::string& tag : rule.tags) {
    std::string key = "tag_" + tag;
    std::replace_if(
        key.begin(), key.end(), [](char c) { return !is_letter_or_digit(c); }, '_');
    const bool known = std::any_of(labels.begin(), labels.end(), [&](const Label& label) { return label.key == key; });
    if (!known) labels.push_back({std::move(key), "true"});
  }
  return Labels(std::move(labels));
}

void RuleCounts::add(const rule::RuleSet& rules, rule::RuleId id) {
  if (id >= counters_.size()) counters_.resize(id + 1);
  Counter*& counter = counters_[id];
  if (counter == nullptr)
    counter = &metrics_.counter("falcosecurity_falco_rules_matches_total", "Alerts of a rule",
                                labels_of_rule(rules.rule(id)));
  counter->add();
}

}  // namespace tiercel
