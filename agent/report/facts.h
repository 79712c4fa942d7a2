// What the report needs to know of one alert, read from its normalised event (decoders/ALERT.md). Numbers may be
// written as texts there, and are taken both ways. Pure; any thread. Error: nothing, if it is no such event.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/priority.h"

namespace tiercel::report {

enum class Kind : uint8_t {
  kAlert,      // of a rule
  kReceipt,    // what a response did
  kHeartbeat,  // a sign of life
  kNotice,     // all else that the agent says of itself: losses, gaps, refusals
};

struct Facts {
  Kind kind = Kind::kAlert;
  Priority priority = Priority::kDebug;
  std::string rule, category, host, message;
  std::string container;  // name, else id; "host" where there is none
  std::vector<std::string> techniques, tactics;
  // Of a notice, where it says so:
  uint64_t lost = 0;
  uint64_t gap_ms = 0;
  std::string from, to;  // as iso8601_z() writes them
};

[[nodiscard]] std::optional<Facts> facts_of(std::string_view event_json);

}  // namespace tiercel::report
