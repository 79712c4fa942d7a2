#include "agent/sensor/budget.h"

#include <algorithm>

namespace tiercel::sensor {

BudgetLimits budget_limits(size_t ring_bytes, const BudgetOptions& options) {
  BudgetLimits limits{};
  if (options.rate_kb == 0) return limits;
  const uint64_t ring = ring_bytes, mark = ring * options.mark_percent / 100, reserve = ring - mark;
  limits[BUDGET_MARK] = mark;
  limits[BUDGET_LOW] = mark - mark / 8;  // else a ring at the mark would have every record look
  limits[BUDGET_LAST] = mark + reserve / 4 * 3;
  limits[BUDGET_RATE] = uint64_t{options.rate_kb} << 10;
  // However small the ring: one flood alone never fills what is kept for the others.
  limits[BUDGET_BURST] = std::min(limits[BUDGET_RATE], reserve / 8);
  return limits;
}

}  // namespace tiercel::sensor
