// The text of the message that carries an alert: "1:tiercel:tiercel: {json}". Pure; any thread.
#pragma once

#include <string>

#include "agent/alert/alert.h"

namespace tiercel::wazuh {

// The alert's own event, byte for byte. One that does not fit into a message (the maker of alerts sees to it that there
// is none) is made anew from what the alert says of itself, with the event's beginning as field.event; `cut` says so,
// and the event names what is not whole in tiercel.truncated.
[[nodiscard]] std::string event_text(const alert::Alert& alert, bool& cut);

}  // namespace tiercel::wazuh
