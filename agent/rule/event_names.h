// Event types and parameter names that a rule may write: those of the event table and those that it does not have yet
// (waiting_events.def). Constant, any thread.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "agent/rule/fields.h"

namespace tiercel::rule {

// A number for every known evt.type: below EVT_COUNT it is the enum ev_type, above it only waits. Nothing if unknown.
[[nodiscard]] std::optional<size_t> event_number(std::string_view name);
[[nodiscard]] size_t event_number_count();
// False for numbers that no rule ever sees (EVT_NONE, internal records).
[[nodiscard]] bool event_is_visible(size_t number);
[[nodiscard]] const std::vector<std::string_view>& event_type_names();  // sorted

// Event types that the event table does not have yet; system calls without parameters of their own have the generic
// ones. `params`: "res:ERRNO fd:FD".
struct WaitingEvent {
  std::string_view name;
  std::string_view category;
  std::string_view params;
};
[[nodiscard]] std::span<const WaitingEvent> waiting_events();

// The Falco type of a parameter name ("FSPATH"), by the first event that has it; nothing if none has.
[[nodiscard]] std::optional<std::string_view> parameter_type(std::string_view name);
[[nodiscard]] const std::vector<std::string_view>& parameter_names();  // sorted

}  // namespace tiercel::rule
