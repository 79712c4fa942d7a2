// What outputs are called: in the spool, in counters, in `status` and for `outputs test`. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"

namespace tiercel::config {

// Two names that no other output may have.
inline constexpr std::string_view kManagersName = "wazuh";
inline constexpr std::string_view kHistoryName = "history";

// The word of its `type` key.
[[nodiscard]] std::string_view output_type(const Output& output);
// One name an output, in their order: the one that it was given; else its type (a file's with its path), with -2, -3,
// ... where that is taken. All managers are the one output "wazuh".
[[nodiscard]] std::vector<std::string> output_names(const std::vector<Output>& outputs);

}  // namespace tiercel::config
