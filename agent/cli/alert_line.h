// One line for a person from an event as the manager decoded it: time, priority (in colour on a terminal), rule,
// process, container, ATT&CK technique. Any thread.
#pragma once

#include <string>

#include "siem/wazuh/manager/dev_manager.h"

namespace tiercel::cli {

[[nodiscard]] std::string alert_line(const wazuh::DevEvent& event, bool colour);

}  // namespace tiercel::cli
