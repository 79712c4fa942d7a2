// AlertFacts: what conditions of responses and outputs may ask of an alert beside its event: the fields rule.*. A view;
// it borrows from the rule, or from the agent's own report, which has no event.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/base/priority.h"

namespace tiercel::context {
class Event;
}

namespace tiercel::rule {

struct AlertFacts {
  std::string_view name;
  Priority priority = Priority::kDebug;
  std::span<const std::string> tags;
  std::string_view source;  // "syscall", or "internal" for the agent's own reports
};

// rule.priority is a number that grows with severity (Debug 0, Emergency 7), so that `>= WARNING` is Warning and worse.
[[nodiscard]] constexpr uint64_t severity_of(Priority priority) {
  return uint64_t{kPriorityDebug} - static_cast<uint64_t>(priority);
}

// What a condition is judged on. A rule's: an event. A response's or an output's: an alert, and the event that it is
// about, if there is one. Everything that is not there is missing.
struct Subject {
  Subject(const context::Event& of) : event(&of) {}  // NOLINT(google-explicit-constructor): an event is a subject
  Subject(const context::Event* of, const AlertFacts& made) : event(of), alert(&made) {}
  const context::Event* event = nullptr;
  const AlertFacts* alert = nullptr;
};

}  // namespace tiercel::rule
