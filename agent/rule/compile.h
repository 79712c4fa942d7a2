// Typed tree -> instructions, written backwards, right operand first: every target exists before the jump to it. Before
// that, the operands of and/or are put in order of cost, which is safe because tests have no effects and always end.
#pragma once

#include <cstdint>
#include <string>

#include "agent/rule/program.h"
#include "agent/rule/resolve.h"

namespace tiercel::rule {

void order_by_cost(Typed& tree, const Program& program);
// Appends the instructions to program.code; returns where to start (kHit or kMiss if there are none).
[[nodiscard]] uint32_t emit(const Typed& tree, Program& program, uint32_t yes = kHit, uint32_t no = kMiss);
// The instructions from entry on, one a line, numbered from 0.
[[nodiscard]] std::string listing(const Program& program, uint32_t entry);

}  // namespace tiercel::rule
