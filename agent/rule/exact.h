// Exact: what of a response the kernel can decide by itself, at the moment a program starts in a container: from the
// rule set, a condition for bpf/include/verdict.h. Pure; any thread.
//
// The condition holds only where the engine is certain to ask that response: what is judged in user space alone counts
// as what would speak against it, whichever way that is. So `proc.name in (xmrig) or proc.cmdline contains x` is
// decided by the name, and `proc.name = xmrig and not proc.cmdline contains x` is not decided at all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/rule/engine.h"
#include "bpf/schema/condition.h"

namespace tiercel::rule {

struct KernelCondition {
  enum class Grade : uint8_t {
    kNone,        // user space decides: reason says why
    kSufficient,  // it holds for some of the starts that the response is asked for: reason says what is left out
    kExact,       // for all of them
  };
  Grade grade = Grade::kNone;
  std::string reason;              // in words, for `tiercel respond rules` and `rules explain`
  int signal = 0;                  // to be sent
  std::vector<std::string> rules;  // whose alerts it is about
  std::vector<cond_inst> program;  // begins at 0; never empty unless kNone
  std::vector<cond_text> texts;    // their bits count from 0
  uint32_t bits = 0;               // how many there are
};

// Of RuleSet::responses()[response].
[[nodiscard]] KernelCondition kernel_condition(const RuleSet& rules, size_t response);

// "exact", "in part", "no"
[[nodiscard]] std::string_view grade_text(KernelCondition::Grade grade);

}  // namespace tiercel::rule
