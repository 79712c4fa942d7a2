// Typed tree -> instructions, written backwards, right operand first: every target exists before the jump to it. Before
// that, the operands of and/or are put in order of cost, which is safe because tests have no effects and always end.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "agent/rule/program.h"
#include "agent/rule/resolve.h"

namespace tiercel::rule {

void order_by_cost(Typed& tree, const Program& program);
// Appends the instructions to program.code; returns where to start (kHit or kMiss if there are none).
[[nodiscard]] uint32_t emit(const Typed& tree, Program& program, uint32_t yes = kHit, uint32_t no = kMiss);
// The instructions from entry on, one a line, numbered from 0.
[[nodiscard]] std::string listing(const Program& program, uint32_t entry);

// Adds every field that the programs at these entries and these operands read: "evt.arg", and with its argument
// "evt.arg[tuple]".
void add_fields_of(const Program& program, const std::vector<uint32_t>& entries, const std::set<uint32_t>& operands,
                   std::set<std::string, std::less<>>& names);

}  // namespace tiercel::rule
