// From a recording's event to a case: the event with all that a case can say of it, tried as a case against the same
// rules, and then made as small as it can be while every comparison of the rules that it is about goes as it went
// live. Reads the recording, writes nothing; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/rule/load.h"

namespace tiercel::casefile {

// The name of the rule that `where` becomes; no case expects it.
inline constexpr const char* kWhereRule = "Tiercel: --where";

struct CaseWish {
  std::string recording = {};
  std::string rule = {};                // "": those that match the event `number`
  std::optional<uint64_t> number = {};  // evt.num; else the first event for which the rule fires
  bool nearest = false;                 // if it never fires: the event for which it came nearest
  bool where = false;                   // only events that the rule kWhereRule matches
  std::string name = {};                // of the case; "": made from the event
};

struct MadeCase {
  std::string text;  // an item of `cases:`
  uint64_t number = 0;
  bool fires = false;
  size_t distance = 0;                   // of an event for which no rule fires: rule::Why::distance
  size_t held = 0;                       // comparisons that the rule asks for and that held
  bool same = false;                     // the case's verdict is the live one
  std::vector<std::string> differences;  // comparisons that went otherwise than live, as people read them
};

// The rules have to be loaded with LoadOptions::describe, Matching::kAll.
[[nodiscard]] Result<MadeCase> make_case(const rule::Loaded& rules, const CaseWish& wish);

}  // namespace tiercel::casefile
