// Alert: the first owning copy of what was seen, and the only thing that crosses a thread. Made by make.h on the
// deciding thread; immutable afterwards, shared as std::shared_ptr<const Alert>.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/priority.h"

namespace tiercel::alert {

using tiercel::display_name;
using tiercel::Priority;

// The alert that a canary went all the way for (agent/canary.h).
inline constexpr std::string_view kCanaryRule = "Tiercel internal: canary";

// The two lanes to the manager: a flood of the rest never delays a critical alert.
enum class Lane : uint8_t { kCritical, kRest };
[[nodiscard]] constexpr Lane lane_of(Priority priority) {
  return priority <= Priority::kCritical ? Lane::kCritical : Lane::kRest;
}

struct Alert {
  std::string id;        // unique over agents and restarts: a receiver tells a repeat by it
  uint64_t time_ns = 0;  // since the epoch; the kernel's time of the event
  Priority priority = Priority::kDebug;
  std::string rule;
  std::string source;             // "syscall", or "internal" for the agent's own reports
  std::vector<std::string> tags;  // sorted
  std::string message;            // the rule's output, resolved, without time and priority

  // A sign of life: for a manager and a file, not for who reads the alerts as they come.
  bool routine = false;

  // Outputs' conditions that do not hold for it, by condition_id() of their text. One that was not judged (an alert of
  // before the condition was configured) is not here: such an alert goes there.
  std::vector<uint64_t> refused_by;

  // Short facts for a person's line and for folding; empty when unknown.
  std::string process;    // proc.name(pid)
  std::string container;  // container.name, else container.id
  std::string technique;  // ATT&CK ids, comma separated: "T1611"

  // Rendered once, shared by every sink. No newline at the end.
  std::string text_line;   // Falco's text line: "time: Priority message"
  std::string falco_json;  // Falco's JSON line
  std::string event_json;  // the normalised event of decoders/ALERT.md: {"tiercel":{...},...}
};

using AlertPtr = std::shared_ptr<const Alert>;

// Whether an output wants it: severe enough, and not refused by its condition (condition_id() of it; 0: it has none).
[[nodiscard]] inline bool wanted(const Alert& alert, Priority least, uint64_t condition) {
  return alert.priority <= least && (condition == 0 || std::find(alert.refused_by.begin(), alert.refused_by.end(),
                                                                 condition) == alert.refused_by.end());
}

}  // namespace tiercel::alert
