// The agent's own log: standard error, never standard output (which belongs to alerts). Any thread.
// Secrets are never passed to it. spdlog stays behind log.cpp.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace tiercel::log {

enum class Level { kDebug, kInfo, kWarning, kError };

void set_level(Level level);
[[nodiscard]] bool enabled(Level level);
void write(Level level, std::string_view text);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug)) write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tiercel::log
