// Verdicts: which responses an alert is for, and which outputs' conditions do not hold for it. Compiled with the rules,
// part of the immutable RuleSet, shared. What a rule's name, priority and tags decide is decided once, for each rule: a
// condition that pins rule.name costs nothing for the alerts of other rules, and an event without an alert costs
// nothing.
//
// A condition holds if it holds with either of the event's two paths, as for rules. Judging is the deciding thread's,
// with a VerdictJudge of its own; everything else any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "agent/context/event.h"
#include "agent/rule/alert_facts.h"
#include "agent/rule/program.h"
#include "agent/rule/response.h"
#include "agent/rule/rule.h"
#include "agent/rule/scratch.h"

namespace tiercel::rule {

[[nodiscard]] inline AlertFacts facts_of(const Rule& rule) {
  return {rule.name, rule.priority, rule.tags, rule.source};
}

// Filled by the loader.
struct VerdictParts {
  Program program;                         // of all these conditions; apart from the rules' own
  std::vector<Response> responses;         // of the rule files, in their order, with those that are off
  std::vector<uint32_t> response_entries;  // one per response: where its program starts
  std::vector<uint64_t> outputs;           // condition_id() of each output's condition, each once
  std::vector<uint32_t> output_entries;
};

struct Verdict {
  std::vector<const Response*> responses;  // that the alert is for, in the order of the files
  std::vector<uint64_t> refused_by;        // outputs' conditions that do not hold
};

class Verdicts {
 public:
  Verdicts() = default;
  Verdicts(VerdictParts parts, const std::vector<Rule>& rules);

  [[nodiscard]] const std::vector<Response>& responses() const { return parts_.responses; }
  [[nodiscard]] const VerdictParts& parts() const { return parts_; }
  // What conditions and actions of responses that are on, and outputs' conditions, read of an event: "proc.name", and
  // with its argument "evt.arg[flags]".
  void add_fields_read(std::set<std::string, std::less<>>& names) const;
  // A condition's program as text.
  [[nodiscard]] std::string explain(size_t response) const;

 private:
  friend class VerdictJudge;
  // What is left to ask for the alerts of a rule.
  struct Ask {
    uint32_t index = 0;   // of a response or an output
    bool always = false;  // it holds (a response), does not hold (an output), whatever the event
    bool operator==(const Ask&) const = default;
    auto operator<=>(const Ask&) const = default;
  };
  struct Plan {
    std::vector<Ask> responses, outputs;
    [[nodiscard]] bool empty() const { return responses.empty() && outputs.empty(); }
    auto operator<=>(const Plan&) const = default;
  };
  enum class Fate : uint8_t { kNever, kAlways, kDepends };
  class Planner;

  VerdictParts parts_;
  std::vector<Plan> plans_;        // distinct
  std::vector<uint32_t> plan_of_;  // by rule
};

class VerdictJudge {
 public:
  void bind(const Verdicts& verdicts) { scratch_.bind(verdicts.parts_.program); }

  // Valid until the next call. Of an alert that this rule has just made of the event:
  const Verdict& judge(const Verdicts& verdicts, RuleId id, const Rule& rule, const context::Event& event);
  // Of the agent's own report: no event, so all but rule.* is missing, and no response is asked.
  const Verdict& judge_report(const Verdicts& verdicts, const AlertFacts& facts);

 private:
  [[nodiscard]] bool holds(const Program& program, uint32_t entry, Subject subject);
  Scratch scratch_;
  Verdict verdict_;
};

}  // namespace tiercel::rule
