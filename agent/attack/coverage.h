// Which techniques of ATT&CK the rules tell of, as a matrix by tactic, and its forms: Markdown, a layer for the ATT&CK
// Navigator, an SVG. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/attack/table.h"

namespace tiercel::attack {

struct TaggedRule {
  std::string name;
  std::vector<std::string> techniques;  // "T1611"
  std::vector<std::string> tactics;     // short names
};

struct Cell {
  const Technique* technique = nullptr;
  std::vector<std::string> rules;  // names, sorted
};
struct Column {
  const Tactic* tactic = nullptr;
  std::vector<Cell> cells;  // by id
  size_t rules = 0;         // different ones
  size_t known = 0;         // techniques and sub-techniques that ATT&CK has for Linux or Containers in this tactic
};
struct Coverage {
  std::vector<Column> columns;        // one for each tactic, empty ones too
  size_t rules = 0, techniques = 0;   // with a technique; different ones
  size_t known = 0;                   // that ATT&CK has for Linux or Containers
  std::vector<std::string> untagged;  // rules without a technique
  std::vector<std::string> unknown;   // "rule: T9999", not in this version of ATT&CK
};

// A technique stands in those tactics that both its rule and ATT&CK name; where there is none, in ATT&CK's.
[[nodiscard]] Coverage coverage_of(const std::vector<TaggedRule>& rules);

[[nodiscard]] std::string to_markdown(const Coverage& coverage);
// Layer format 4.5 (github.com/mitre-attack/attack-navigator, layers/spec/v4.5); a technique's score is its number of
// rules.
[[nodiscard]] std::string to_navigator(const Coverage& coverage);
[[nodiscard]] std::string to_svg(const Coverage& coverage);

}  // namespace tiercel::attack
