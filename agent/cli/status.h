// What `tiercel status` prints.
#pragma once

#include <string>

namespace tiercel::cli {

// The reply of the status command as a person reads it; colours only when asked for. width: 0: lines are not broken.
[[nodiscard]] std::string status_text(const std::string& json, bool colour, size_t width);
// Does it say that something is wrong?
[[nodiscard]] bool status_says_trouble(const std::string& json);

}  // namespace tiercel::cli
