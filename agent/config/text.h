// What loading needs beside YAML: variables in values, the nearest known word, secrets out of source lines. Pure
// functions but for the environment that is handed in; any thread. Inner to agent/config.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/config/load.h"

namespace tiercel::config {

inline constexpr size_t kFileBytesMax = 1 << 20;

// ${VAR} replaced as Falco does it; an Error when variables name each other without end.
Result<std::string> expand_variables(const std::string& text, const Environment& environment);

// The known word that a slip of the pen may have meant; empty when none is near.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

// The text with the values of keys that look like secrets replaced by ***, line for line.
[[nodiscard]] std::string without_secrets(const std::string& text);

}  // namespace tiercel::config
