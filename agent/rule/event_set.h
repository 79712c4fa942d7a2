// For which event types can a condition be true? A necessary condition, by the names that it compares evt.type with
// (reference 2.6); rules are tried on no other event. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "agent/rule/ast.h"
#include "agent/rule/engine.h"

namespace tiercel::rule {

struct EventSet {
  std::vector<bool> numbers;  // by event_names.h's numbers
  [[nodiscard]] size_t count() const;
  [[nodiscard]] EventTypes fed() const;  // the part that the event table has
};

[[nodiscard]] EventSet event_set_of(const Expr& expr);

}  // namespace tiercel::rule
