// Guesses that put tests in an order: how likely a test holds for an event, and what asking costs. They decide speed
// alone, never a verdict. Pure, any thread.
#pragma once

#include "agent/rule/program.h"

namespace tiercel::rule {

inline constexpr double kRunCost = 120;      // ns or so of running a rule's program in vain
inline constexpr double kPlainTestCost = 8;  // of a test that no index answers, per unit of Test::cost

// 0 to 1. Unusual texts are taken for rare, and the longer the rarer.
[[nodiscard]] double chance_of(const Program& program, const Test& test);
// Of asking the test while others of its set are asked, too, in ns or so.
[[nodiscard]] double ask_cost(const Program& program, const Test& test);
// Of finding all texts of the test's kind in its field, in ns or so.
[[nodiscard]] double look_up_cost(const Operand& operand, match::Kind kind);

}  // namespace tiercel::rule
