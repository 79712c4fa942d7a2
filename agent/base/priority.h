// Falco's eight priorities, smaller is more severe: one list for rules, configuration and alerts. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tiercel {

enum class Priority : uint8_t { kEmergency, kAlert, kCritical, kError, kWarning, kNotice, kInformational, kDebug };

inline constexpr std::array<std::string_view, 8> kPriorityNames = {"Emergency", "Alert",  "Critical",      "Error",
                                                                   "Warning",   "Notice", "Informational", "Debug"};
inline constexpr uint8_t kPriorityDebug = 7;

// As Falco prints it: "Informational".
[[nodiscard]] constexpr std::string_view display_name(Priority priority) {
  return kPriorityNames[static_cast<size_t>(priority) % kPriorityNames.size()];
}

// Falco's words, in any case, and its alias "info".
[[nodiscard]] std::optional<uint8_t> priority_number(std::string_view word);

// The words of people who think in three steps: HIGH is Error, MEDIUM is Warning, LOW is Notice. Nothing else.
[[nodiscard]] std::optional<uint8_t> priority_number_of_three_steps(std::string_view word);

}  // namespace tiercel
