// Budgets: how much of the ring for files and network one cgroup may take while others need the room
// (bpf/include/budget.h). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "bpf/schema/budget.h"

namespace tiercel::sensor {

struct BudgetOptions {
  uint32_t rate_kb = 128;      // KiB a second that the events of one cgroup and kind may take; 0: no budgets
  uint32_t mark_percent = 75;  // of the ring: below it nothing is held back
};

using BudgetLimits = std::array<uint64_t, BUDGET_LIMITS>;  // by enum budget_limit

[[nodiscard]] BudgetLimits budget_limits(size_t ring_bytes, const BudgetOptions& options);

}  // namespace tiercel::sensor
