// Where rule files are: the installed ones, and those that a list of rules_files names. Looks at the disk; any thread.
#pragma once

#include <string>
#include <vector>

namespace tiercel::config {

// The rules that ship: the first place of the default rules_files that is there.
[[nodiscard]] std::vector<std::string> shipped_rules();

struct MissingRules {
  std::string path;
  std::vector<std::string> instead;  // what is read in its place; empty: it is passed by
};

struct RulePlaces {
  std::vector<std::string> there;  // in order, with what stands in for missing ones
  std::vector<MissingRules> missing;
};

// A falco.yaml, or a Helm chart's values, names the files of Falco's own package. Where that is not installed, the
// shipped rules stand in for falco_rules.yaml, Falco's stock rules; for any other file of its folder
// (custom_rules.yaml, rules.d) only if nothing of the list is there, so that the host is not left without rules. Once,
// and not if the list has them anyway. All other paths that do not exist are passed by.
[[nodiscard]] RulePlaces find_rules(const std::vector<std::string>& rules_files,
                                    const std::vector<std::string>& shipped = shipped_rules(),
                                    const std::string& falco_folder = "/etc/falco/");

}  // namespace tiercel::config
