// One function per field accessor named in fields.def. They read the event and never keep anything; a field that the
// event does not have is a missing Value. Deciding thread only.
#pragma once

#include "agent/rule/fields.h"

namespace tiercel::rule::accessors {

#define FIELD(name, type, print, flags, accessor, cost, doc) Value accessor(const Access& a);
#define UNFED(name, type, print, flags, waits_for, doc)
#define WAITING(name, type, print, flags, accessor, cost, waits_for, doc) Value accessor(const Access& a);
#define ALERT(name, type, print, flags, accessor, doc) Value accessor(const AlertFacts& alert, Arena& arena);
#include "agent/rule/fields.def"

// Helpers that several of the accessor files share.
// The event's process is who made the record; not so for the child's side of a creation.
[[nodiscard]] inline bool is_actor(const Access& a) {
  return a.event.process().key.pid == a.event.head().pid;
}
[[nodiscard]] Value made_text(const Access& a, std::string_view text);                         // copied into the arena
[[nodiscard]] Value joined(const Access& a, std::string_view first, std::string_view second);  // "first second"
[[nodiscard]] inline Value text_or_missing(std::string_view text) {
  return text.empty() ? Value() : Value::of_text(text);
}

}  // namespace tiercel::rule::accessors
