// Clues: what has to hold for an event before a rule can match it, read off the rule's tree. The engine looks for the
// clues of all rules at once and runs only the rules whose clue is there. Pure; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <vector>

#include "agent/rule/engine_types.h"
#include "agent/rule/program.h"
#include "agent/rule/resolve.h"

namespace tiercel::rule {

struct Wanted {  // a test and the answer that is needed
  uint32_t test = 0;
  bool answer = true;
  auto operator<=>(const Wanted&) const = default;
};

// At least one of these holds whenever the rule matches.
struct Clue {
  std::vector<Wanted> any_of;
  bool operator==(const Clue&) const = default;
};

// The clues of one rule on some event types; a rule has several where its condition treats event types differently.
struct Clues {
  EventTypes types;
  std::vector<Clue> clues;  // each of them is needed: the engine may choose
};

// Which answers of tests may be clues; empty: all.
using MayAsk = std::function<bool(const Wanted&)>;

// Event types on which the rule cannot match at all are in none of them.
[[nodiscard]] std::vector<Clues> find_clues(const Typed& tree, const Program& program, const EventTypes& types,
                                            const MayAsk& may_ask = {});

}  // namespace tiercel::rule
