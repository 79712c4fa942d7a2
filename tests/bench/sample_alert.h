// Alerts for the benches of delivery: the agent's own form, about 1 KB each, every one with values of its own, the same
// in every run. Pure; any thread.
#pragma once

#include <cstdint>

#include "agent/alert/alert.h"

namespace tiercel::bench {

[[nodiscard]] alert::AlertPtr make_alert(uint64_t n);

}  // namespace tiercel::bench
