// Running cases: each against its rules, with a verdict and, where a rule was silent that should have spoken (or spoke
// that should not), the comparisons that decided. One thread; reads rule files and recordings, writes nothing.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/casefile/case.h"
#include "agent/rule/load.h"
#include "agent/rule/why.h"

namespace tiercel::casefile {

// Rule files of a run, each list of paths read once. All matching rules speak; outputs are the rules' own (no
// append_output).
class RuleShelf {
 public:
  // Paths as given; `enable`: rules that are switched on whatever their file says.
  const rule::Loaded& load(const std::vector<std::string>& paths, const std::vector<ExpectSpec>& enable);
  [[nodiscard]] const std::map<std::string, rule::Loaded>& all() const { return loaded_; }

 private:
  std::map<std::string, rule::Loaded> loaded_;
};

struct Problem {
  enum class Kind : uint8_t { kSilent, kUnexpected, kCount, kOutput, kRecording };
  Kind kind = Kind::kSilent;
  std::string rule;
  std::string text;                  // one line, for people; values in it are escaped
  std::vector<rule::WhyNode> tests;  // what decided (kSilent, kUnexpected)
};

struct CaseResult {
  const Case* what = nullptr;
  std::map<std::string, uint64_t> matched;  // rule -> how often
  std::vector<Problem> problems;
  uint64_t events = 0;
  [[nodiscard]] bool passed() const { return problems.empty(); }
};

// Rules that the file names and that are not there (or cannot match), with a suggestion. Call before running it.
void check_names(const CaseFile& file, const rule::Loaded& rules, Diagnostics& diagnostics);
[[nodiscard]] CaseResult run_case(const Case& what, const rule::Loaded& rules);

// Control characters and what is not UTF-8 as \xNN: a terminal would obey them.
[[nodiscard]] std::string visible(std::string_view text);
// `proc.args contains -i (it is "-c id")`
[[nodiscard]] std::string test_text(const rule::WhyNode& test);
// The comparison, of a long list only the beginning.
[[nodiscard]] std::string short_text(const rule::WhyNode& test);
// A value as a person may see it on a terminal: quoted, escaped, cut where it is very long.
[[nodiscard]] std::string value_text(const rule::WhyNode& test);

}  // namespace tiercel::casefile
