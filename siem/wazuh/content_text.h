// What the files of rules for a manager have in common.
#pragma once

#include <string_view>

#include "agent/base/priority.h"

namespace tiercel::wazuh {

// The group of detections that sums count: those of kLeastCounted and above. Below it is what honest work does, too.
inline constexpr std::string_view kCounted = "tiercel_counted";
inline constexpr Priority kLeastCounted = Priority::kWarning;

}  // namespace tiercel::wazuh
