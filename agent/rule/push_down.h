// PushDown: what of a rule set the kernel looks at before it builds a record: for each event type a condition without
// which no rule is satisfied (bpf/schema/push.h). From the clues of the rules (clues.h); what the kernel cannot say
// counts as so. Pure; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/rule/clues.h"
#include "agent/rule/engine.h"
#include "bpf/schema/push.h"

namespace tiercel::rule {

// At load: what of a condition the kernel can look for, on the event types whose hooks ask.
[[nodiscard]] std::vector<Clues> find_pushed(const Typed& tree, const Program& program, const EventTypes& types);

// Nothing: no event would be left out.
[[nodiscard]] std::unique_ptr<push_set> push_down(const RuleSet& rules);

// Of one rule on one event type, in words: the clauses that the kernel looks at, each "this or that".
struct PushedRule {
  uint16_t type = 0;
  std::vector<std::string> clauses;  // empty: every event of the type is sent, for this rule's sake
};
[[nodiscard]] std::vector<PushedRule> pushed_rule(const RuleSet& rules, RuleId id);

}  // namespace tiercel::rule
