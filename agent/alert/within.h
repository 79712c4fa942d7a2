// An alert's event within a receiver's limit. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>

#include "agent/alert/alert.h"

namespace tiercel::alert {

// The alert's own event, byte for byte, if it has no more than bytes_max. One that has more (the maker of alerts sees
// to it that none is longer than a message of the agent protocol, but some receivers take less) is made anew from what
// the alert says of itself, with the event's beginning as field.event; `cut` says so, and the event names what is not
// whole in tiercel.truncated.
[[nodiscard]] std::string event_within(const Alert& alert, size_t bytes_max, bool& cut);

}  // namespace tiercel::alert
