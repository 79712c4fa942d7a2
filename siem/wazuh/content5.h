// Rules for Wazuh 5.x, one for each detection: Sigma's form with Wazuh's additions, as the indexer's Content Manager
// takes them. A preview: 5.x is not released. docs/wazuh-5.md tells what they can and cannot do. Pure.
//
// They ask for fields of the Common Schema that decoders/wazuh/5.x/tiercel_decoder.yml fills; a rule that names any
// other field is refused there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/priority.h"

namespace tiercel::wazuh {

inline constexpr std::string_view kIntegration5 = "tiercel";  // its title; a rule's logsource.product must be the same

struct Detection5 {
  std::string name;
  std::string category;
  std::string description;  // the rule's text, with its "Next:" and "Harmless:"
  Priority priority = Priority::kDebug;
  std::vector<std::string> tactics;     // short names of ATT&CK
  std::vector<std::string> tactic_ids;  // of the same
  std::vector<std::string> techniques;
  std::vector<std::string> requirements;  // is_requirement() of content.h
};

// The level for what a 4.x manager gives that level (kLevels), by Wazuh's own table for the move to 5.x.
[[nodiscard]] std::string_view level5(Priority priority);

// A name's own UUID, version 5: the same wherever and whenever the rules are written.
[[nodiscard]] std::string rule_uuid(std::string_view name);

// All of them in one file, a YAML document each, sorted by name; then one for the agent's reports about itself, and one
// for alerts of rules that are none of these.
[[nodiscard]] std::string sigma_rules(std::vector<Detection5> detections);

}  // namespace tiercel::wazuh
