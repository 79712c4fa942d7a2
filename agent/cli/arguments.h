// What arguments of several commands mean.
#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::cli {

// The first line of a password file; an empty path gives an empty text.
[[nodiscard]] Result<std::string> first_line(const std::string& path);
[[nodiscard]] std::vector<std::string> comma_separated(const std::string& text);  // without empty parts

}  // namespace tiercel::cli
