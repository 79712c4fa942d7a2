#include "agent/group/group_set.h"

#include <algorithm>
#include <utility>

#include "siem/wazuh/merged.h"

namespace tiercel::group {
namespace {

constexpr size_t kGroupBytesMax = 256;

bool is_rules_name(std::string_view name) {
  return name.starts_with(kRulesFolder) && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kGroupBytesMax));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return out;
}

}  // namespace

std::vector<std::string> GroupSet::names() const {
  std::vector<std::string> names;
  if (has_config) names.emplace_back(kConfigName);
  if (rules)
    for (const config::GroupRules& file : *rules) names.push_back(file.name);
  return names;
}

bool GroupSet::is_ours(const std::string& name) const {
  const std::vector<std::string> all = names();
  return std::find(all.begin(), all.end(), name) != all.end();
}

bool GroupSet::says_the_same_as(const GroupSet& other) const {
  if (has_config != other.has_config || config != other.config || (rules == nullptr) != (other.rules == nullptr))
    return false;
  return rules == other.rules || std::equal(rules->begin(), rules->end(), other.rules->begin(), other.rules->end(),
                                            [](const config::GroupRules& a, const config::GroupRules& b) {
                                              return a.name == b.name && a.text == b.text;
                                            });
}

Result<GroupSet> read_set(std::string md5, std::string_view text) {
  const auto merged = wazuh::parse_merged(text);
  if (!merged) return tl::unexpected(merged.error());
  GroupSet set;
  set.md5 = std::move(md5);
  set.group = printable(merged->group);
  std::vector<config::GroupRules> rules;
  for (const wazuh::MergedFile& file : merged->files) {
    if (file.name == kConfigName) {
      set.has_config = true;
      set.config = file.content;
    } else if (file.name == kArConfName) {
      set.ar_conf = file.content;
    } else if (is_rules_name(file.name)) {
      rules.push_back({std::string(file.name), std::string(file.content)});
    }
  }
  std::sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  if (!rules.empty()) set.rules = std::make_shared<const std::vector<config::GroupRules>>(std::move(rules));
  return set;
}

}  // namespace tiercel::group
