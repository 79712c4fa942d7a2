// Rule: what the loader keeps of one rule for alerts, listings and the engine. Plain data; immutable once in a RuleSet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/diagnostic.h"

namespace tiercel::rule {

// Falco's numbers: smaller is more severe.
enum class Priority : uint8_t { kEmergency, kAlert, kCritical, kError, kWarning, kNotice, kInformational, kDebug };

[[nodiscard]] std::string_view display_name(Priority priority);  // "Informational"
// Falco's words, any case ("info" is Informational). Not HIGH, MEDIUM, LOW: only rule files may say those.
[[nodiscard]] std::optional<Priority> parse_priority(std::string_view word);

using RuleId = uint32_t;  // index in its RuleSet, in matching order

struct Rule {
  std::string name;
  std::string description;
  std::string source = "syscall";
  Priority priority = Priority::kDebug;
  std::vector<std::string> tags;  // sorted, distinct
  std::string output;             // as written, plus what append_output added
  std::string condition;          // as written, after append and override
  bool enabled = true;            // false: compiled, never matched
  bool capture = false;
  uint32_t capture_duration_ms = 0;
  Position position;  // of the item's name in its file
};

}  // namespace tiercel::rule
