// GroupSet: what a group's merged.mg holds for Tiercel: tiercel.yaml, the rule files in tiercel-rules/, ar.conf. Other
// files of the group (agent.conf) are not ours. Values; any thread. The text is hostile, see siem/wazuh/merged.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/config/config.h"

namespace tiercel::group {

inline constexpr std::string_view kConfigName = "tiercel.yaml";
inline constexpr std::string_view kRulesFolder = "tiercel-rules/";
inline constexpr std::string_view kArConfName = "ar.conf";

struct GroupSet {
  std::string md5;    // of the merged.mg
  std::string group;  // as the manager names it; several groups together have a name of the manager's making
  bool has_config = false;
  std::string config;  // tiercel.yaml
  std::string ar_conf;
  // By name; null: none.
  std::shared_ptr<const std::vector<config::GroupRules>> rules;

  // Names of what is ours, but for ar.conf, which every group has.
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] bool is_ours(const std::string& name) const;
  // Configuration and rules are the same.
  [[nodiscard]] bool says_the_same_as(const GroupSet& other) const;
};

// An error says what is wrong with the file as a whole: that nothing of it can be used.
[[nodiscard]] Result<GroupSet> read_set(std::string md5, std::string_view merged);

}  // namespace tiercel::group
