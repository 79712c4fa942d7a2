// Rules for a Wazuh 4.x manager, one for each detection: texts only, of a file that is checked in and given to
// managers. Ids are for ever: a detection keeps the one that the file had for it, a new one gets one that no other ever
// had. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/priority.h"
#include "agent/base/result.h"

namespace tiercel::wazuh {

// Of each priority: what rules/wazuh/4.x/tiercel_rules.xml says of an alert that nothing else is known of. None is
// below 3, from which on a manager writes alerts: whoever wrote a rule wants to hear of it.
inline constexpr std::array<unsigned, 8> kLevels = {15, 14, 12, 10, 7, 5, 3, 3};
inline constexpr uint32_t kRuleIdBase = 110'000;
inline constexpr uint32_t kRuleIdsPerBase = 1'000;                          // bases are multiples of it
inline constexpr uint32_t kByName = 9, kHeartbeat = 22, kKillReceipt = 32;  // of tiercel_rules.xml
inline constexpr uint32_t kFirstSum = 40;                                   // to 79: manager_sums()
inline constexpr uint32_t kFirstDetection = 100;

struct Detection {
  std::string name;
  std::string category;  // "container_escape": its group is tiercel_container_escape
  Priority priority = Priority::kDebug;
  std::vector<std::string> techniques;
  std::vector<std::string> requirements;  // groups that a manager turns into rule.pci_dss and so on
};

// What a manager makes of a group's name: pci_dss_11.5.2 is rule.pci_dss 11.5.2.
[[nodiscard]] bool is_requirement(std::string_view group);

// A text as a manager's pattern (OSRegex) that matches it and nothing else; what patterns or its XML cannot say stands
// for any one byte.
[[nodiscard]] std::string pattern_of(std::string_view name);

// Ids of detections in a file that manager_rules() wrote, by pattern and without their base; of those that are no
// longer in it, too.
[[nodiscard]] std::map<std::string, uint32_t> detection_ids(std::string_view xml);

// Ids begin at base.ids + kFirstDetection; the parent is base.parents + kByName.
struct Bases {
  uint32_t ids = kRuleIdBase, parents = kRuleIdBase;
};

// Fault::kUser: two names that a manager cannot tell apart, or no id left.
[[nodiscard]] Result<std::string> manager_rules(const std::vector<Detection>& detections,
                                                std::map<std::string, uint32_t> ids, const Bases& bases = {});

// Rules for what only a sum shows, in a file that comes after all that they count. listener: the name of the detection
// that tells of a new listener. At most ten categories.
[[nodiscard]] std::string manager_sums(const std::vector<std::string>& categories, std::string_view listener,
                                       const Bases& bases = {});

// What a response to a category is bound to: its detections of Warning and above, by the ids of detection_ids(), and
// the sums about it.
using IdsByCategory = std::map<std::string, std::vector<uint32_t>>;
[[nodiscard]] IdsByCategory ids_by_category(const std::vector<Detection>& detections,
                                            const std::map<std::string, uint32_t>& ids,
                                            const std::vector<std::string>& categories, const Bases& bases = {});

}  // namespace tiercel::wazuh
