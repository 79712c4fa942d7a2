// The text of the message that carries an alert: "1:tiercel:tiercel: {json}". Pure; any thread.
#pragma once

#include <string>

#include "agent/alert/alert.h"

namespace tiercel::wazuh {

// With the alert's own event, byte for byte, or what of it fits into a message (agent/alert/within.h).
[[nodiscard]] std::string event_text(const alert::Alert& alert, bool& cut);

}  // namespace tiercel::wazuh
