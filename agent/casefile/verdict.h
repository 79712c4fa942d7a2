// What rules make of one event, so that a case can be compared with it: each comparison, the values that it saw and the
// output. Used by from_event.cpp only.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "agent/casefile/draft.h"
#include "agent/rule/load.h"
#include "agent/rule/why.h"

namespace tiercel::casefile {

// What the rules made of one event.
struct Verdict {
  std::set<std::string, std::less<>> matched;  // of all rules
  struct Seen {
    bool result;
    std::string text, value;
  };
  std::vector<Seen> tests;           // of the rules asked about
  std::vector<std::string> outputs;  // name=value, where they match
  bool valid = false;
  std::string mistake;  // of the case, if it is none

  [[nodiscard]] bool same_as(const Verdict& other) const {
    if (!valid || tests.size() != other.tests.size() || outputs != other.outputs) return false;
    for (size_t n = 0; n < tests.size(); ++n)
      if (tests[n].result != other.tests[n].result || tests[n].value != other.tests[n].value) return false;
    return true;
  }
};

// The rules that the case is about.
class Panel {
 public:
  Panel(const rule::Loaded& rules, const std::vector<std::string>& names);
  [[nodiscard]] const Needs& needs() const { return needs_; }
  [[nodiscard]] bool counts() const { return counts_; }  // one of them does
  // Of the event that `matcher` was asked about last; `matches` is what it said.
  [[nodiscard]] Verdict verdict(const context::Event& event, rule::Matcher& matcher,
                                std::span<const rule::Match> matches);

 private:
  const rule::Loaded& rules_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<rule::WhyJudge>> judges_;
  Needs needs_;
  bool counts_ = false;
};

// Comparisons that the rule asks for and that hold; not those that it wants to fail.
[[nodiscard]] size_t held_in(const rule::WhyNode& node);

}  // namespace tiercel::casefile
