#include "siem/wazuh/content.h"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "siem/wazuh/content_text.h"

namespace tiercel::wazuh {
namespace {

constexpr std::string_view kRuleBegin = "<rule id=\"", kNameBegin = "<field name=\"tiercel.rule\">^",
                           kNameEnd = "$</field>";
// Bounded, all of them, since one long field leaves a description unexpanded; what is not known is empty.
constexpr std::string_view kWho =
    "$(tiercel.proc.name) (parent=$(tiercel.proc.pname) uid=$(tiercel.user.uid) container=$(tiercel.container.id))";
constexpr std::string_view kRequirements[] = {"pci_dss_", "nist_800_53_", "cis_", "gdpr_", "hipaa_", "tsc_", "gpg13_"};
constexpr std::string_view kRetired = "<!-- retired: ";

constexpr const char* kHead = R"(<!--
  Made from the rule files, and not to be changed by hand:

    tiercel rules export wazuh4 -o rules/wazuh/4.x/tiercel_shipped_rules.xml rules

  One rule for each detection that Tiercel ships. They are children of 110009 in tiercel_rules.xml, which a manager reads
  before this file, in the order of the names. A detection keeps its id whatever else comes and goes.
-->
<group name="tiercel,">
)";

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(" -_.,:;/@#=%~!?").find(c) != std::string_view::npos;
}

// For people: what a description cannot say is left out.
std::string description_of(std::string_view name) {
  std::string out;
  for (char c : name) out += is_plain(c) ? c : ' ';
  return out;
}

// The number behind `at`, without its base.
uint32_t id_at(std::string_view text, size_t at) {
  uint32_t id = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), id);
  return id % kRuleIdsPerBase;
}

std::string rule_text(const Detection& detection, const std::string& pattern, uint32_t id, const Bases& bases) {
  std::string techniques, groups = fmt::format("tiercel_{},", detection.category);
  for (const std::string& technique : detection.techniques) techniques += fmt::format("      <id>{}</id>\n", technique);
  if (!techniques.empty()) techniques = "    <mitre>\n" + techniques + "    </mitre>\n";
  if (detection.priority <= kLeastCounted) groups += fmt::format("{},", kCounted);
  for (const std::string& requirement : detection.requirements) groups += requirement + ',';
  return fmt::format(
      "\n  <rule id=\"{}\" level=\"{}\">\n"
      "    <if_sid>{}</if_sid>\n"
      "    {}{}{}\n"
      "    <description>Tiercel: {} by {}</description>\n"
      "{}"
      "    <group>{}</group>\n"
      "  </rule>\n",
      bases.ids + id, kLevels[static_cast<size_t>(detection.priority) % kLevels.size()], bases.parents + kByName,
      kNameBegin, pattern, kNameEnd, description_of(detection.name), kWho, techniques, groups);
}

}  // namespace

bool is_requirement(std::string_view group) {
  return std::any_of(std::begin(kRequirements), std::end(kRequirements),
                     [group](std::string_view prefix) { return group.starts_with(prefix); }) &&
         std::all_of(group.begin(), group.end(), [](char c) { return is_plain(c) && c != ',' && c != ' '; });
}

std::string pattern_of(std::string_view name) {
  std::string out;
  for (char c : name) {
    const bool comment_end = c == '-' && out.ends_with('-');  // "--" may be in no comment
    out += is_plain(c) && !comment_end ? std::string(1, c) : std::string("\\.");
  }
  return out;
}

std::map<std::string, uint32_t> detection_ids(std::string_view xml) {
  std::map<std::string, uint32_t> ids;
  uint32_t id = 0;
  for (size_t at = 0; at < xml.size();) {
    const size_t end = std::min(xml.find('\n', at), xml.size());
    const std::string_view line = xml.substr(at, end - at);
    at = end + 1;
    if (const size_t rule = line.find(kRuleBegin); rule != std::string_view::npos)
      id = id_at(line, rule + kRuleBegin.size());
    if (const size_t name = line.find(kNameBegin), stop = line.rfind(kNameEnd);
        name != std::string_view::npos && stop != std::string_view::npos && stop > name && id >= kFirstDetection) {
      const size_t begin = name + kNameBegin.size();
      ids.emplace(line.substr(begin, stop - begin), id);
      id = 0;
    }
    if (const size_t retired = line.find(kRetired); retired != std::string_view::npos) {
      const size_t number = retired + kRetired.size();
      const size_t name = line.find(' ', number), stop = line.rfind(" -->");
      if (name != std::string_view::npos && stop != std::string_view::npos && stop > name)
        ids.emplace(line.substr(name + 1, stop - name - 1), id_at(line, number));
    }
  }
  return ids;
}

Result<std::string> manager_rules(const std::vector<Detection>& detections, std::map<std::string, uint32_t> ids,
                                  const Bases& bases) {
  uint32_t next = kFirstDetection;
  for (const auto& [pattern, id] : ids) next = std::max(next, id + 1);
  std::map<uint32_t, const Detection*> by_id;
  for (const Detection& detection : detections) {
    const auto [it, is_new] = ids.try_emplace(pattern_of(detection.name), next);
    if (is_new) ++next;
    if (const auto [other, free] = by_id.try_emplace(it->second, &detection); !free)
      return fail("a manager cannot tell the rules '" + other->second->name + "' and '" + detection.name + "' apart",
                  Fault::kUser);
  }
  if (next > kRuleIdsPerBase) return fail("there are more rules than ids", Fault::kUser);
  std::string rules, retired;
  for (const auto& [id, detection] : by_id) rules += rule_text(*detection, pattern_of(detection->name), id, bases);
  std::map<uint32_t, std::string> gone;
  for (const auto& [pattern, id] : ids)
    if (!by_id.contains(id)) gone.emplace(id, pattern);
  for (const auto& [id, pattern] : gone) retired += fmt::format("  {}{} {} -->\n", kRetired, bases.ids + id, pattern);
  if (!retired.empty())
    retired = "\n  <!-- Ids of detections that were; none of them is given again to another. -->\n" + retired;
  return std::string(kHead) + rules + retired + "\n</group>\n";
}

}  // namespace tiercel::wazuh
