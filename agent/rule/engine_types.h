// Small types that the parts of the engine share.
#pragma once

#include <bitset>

#include "bpf/schema/event.h"

namespace tiercel::rule {

using EventTypes = std::bitset<EVT_COUNT>;  // by enum ev_type

}  // namespace tiercel::rule
