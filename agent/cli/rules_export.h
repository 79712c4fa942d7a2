// What `tiercel rules export wazuh4` writes beside the manager's rules.
#pragma once

#include <string>
#include <string_view>

#include "siem/wazuh/content.h"

namespace tiercel::cli {

// The detection whose alerts are counted as new listeners.
inline constexpr std::string_view kListenerRule = "Makeshift Listener Opened";

// For ossec.conf: each script that ships as a command, and responses by category, all of them off.
[[nodiscard]] std::string manager_responses(const wazuh::IdsByCategory& ids);

}  // namespace tiercel::cli
