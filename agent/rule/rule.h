// Rule: what the loader keeps of one rule for alerts, listings and the engine. Plain data; immutable once in a RuleSet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/base/priority.h"

namespace tiercel::rule {

using tiercel::display_name;
using tiercel::Priority;

using RuleId = uint32_t;  // index in its RuleSet, in matching order

// The rule fires for the event that makes it `count` within `timespan_ns` (threshold.h).
struct Threshold {
  uint32_t count = 2;
  uint64_t timespan_ns = 0;
  std::vector<std::string> group_by;  // fields as written; none: all events are one group
  std::string distinct;               // count different values of this field; "": count events
};

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
  std::optional<Threshold> threshold;
  Position position;  // of the item's name in its file
};

}  // namespace tiercel::rule
