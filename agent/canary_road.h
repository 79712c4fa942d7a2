// CanaryRoad: the rest of a canary's road: a record becomes an event, and a rule of the agent's own has to match it.
// The rule is compiled and run by the same code as all others, apart from them: it counts nowhere, and no reload
// touches it. Deciding thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "agent/context/enricher.h"
#include "agent/rule/engine.h"

namespace tiercel {

class CanaryRoad {
 public:
  explicit CanaryRoad(context::Enricher& enricher);
  // Does the rule match that record?
  bool matches(std::span<const std::byte> record);

 private:
  context::Enricher& enricher_;
  std::unique_ptr<rule::Matcher> matcher_;
};

}  // namespace tiercel
