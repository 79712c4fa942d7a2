// What a person sees of an event as the manager decoded it: local time, priority (in colour on a terminal), rule,
// ATT&CK technique; process, container; the text. width: of the terminal, into whose lines it is broken; 0: it is none.
// Any thread.
#pragma once

#include <string>

#include "siem/wazuh/manager/dev_manager.h"

namespace tiercel::cli {

[[nodiscard]] std::string alert_line(const wazuh::DevEvent& event, bool colour, size_t width);

}  // namespace tiercel::cli
