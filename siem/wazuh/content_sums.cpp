// Rules for what only a sum shows: kills, listeners, one detection on many hosts, several on one; and agents that fell
// silent. A manager's counting has limits, which docs/wazuh-content.md tells: it counts earlier alerts that differ from
// the one at hand, not how many different ones there are.
#include <algorithm>

#include <fmt/core.h>

#include "siem/wazuh/content.h"
#include "siem/wazuh/content_text.h"

namespace tiercel::wazuh {
namespace {

constexpr uint32_t kPerKind = 10;  // categories: one id each
constexpr uint32_t kListeners = kFirstSum + 2, kManyHosts = kFirstSum + 10, kManyCategories = kManyHosts + kPerKind;

constexpr const char* kHead = R"(<!--
  Made by the program, and not to be changed by hand:

    tiercel rules export wazuh4 -P sums -o rules/wazuh/4.x/tiercel_sums_rules.xml rules

  Rules for what only a sum shows, and for agents that fell silent. They come after all that they count, so this file's
  name is the last of Tiercel's. Only detections of Warning and above count: those with the group tiercel_counted. An alert
  that completes a sum has the sum's rule in place of its own; what it is about is in data.tiercel as ever.
  docs/wazuh-content.md tells how a manager counts.
-->
<group name="tiercel,">
)";

// frequency: how many alerts, the one at hand among them.
struct Sum {
  uint32_t id, level, frequency, timeframe_s;
  std::string what;  // lines between <rule> and <description>, each with its indentation and newline
  std::string description;
  std::string groups;
};

std::string sum_text(const Sum& sum, const Bases& bases) {
  return fmt::format(
      "\n  <rule id=\"{}\" level=\"{}\" frequency=\"{}\" timeframe=\"{}\">\n"
      "{}"
      "    <description>Tiercel: {}</description>\n"
      "    <group>{}</group>\n"
      "  </rule>\n",
      bases.parents + sum.id, sum.level, sum.frequency, sum.timeframe_s, sum.what, sum.description, sum.groups);
}

std::string line(std::string_view element, std::string_view text) {
  return fmt::format("    <{0}>{1}</{0}>\n", element, text);
}

const std::string kOverHosts = "    <global_frequency />\n    <different_location />\n";

// What is only counted from kLeastCounted on is also only told from there on.
std::string counted_alert() {
  std::string words;
  for (size_t n = 0; n <= static_cast<size_t>(kLeastCounted); ++n)
    words += fmt::format("{}^{}$", n > 0 ? "|" : "", kPriorityNames.at(n));
  return "    <field name=\"tiercel.priority\">" + words + "</field>\n";
}

std::string kills(const Bases& bases) {
  const std::string of = line("if_matched_sid", std::to_string(bases.parents + kKillReceipt));
  return "\n  <!-- Responses that ended processes or containers, by their receipts. -->\n" +
         sum_text({kFirstSum, 12, 5, 60, of, "5 responses within a minute killed something on this host",
                   "tiercel_sum,tiercel_response,"},
                  bases) +
         sum_text({kFirstSum + 1, 13, 10, 300, of + kOverHosts,
                   "10 responses within 5 minutes killed something on other hosts, and now on this one",
                   "tiercel_sum,tiercel_response,"},
                  bases);
}

std::string listeners(std::string_view name, const Bases& bases) {
  return "\n  <!-- New listeners on one host. -->\n" +
         sum_text({kListeners, 13, 5, 300,
                   line("if_matched_group", "tiercel_network") + "    <field name=\"tiercel.rule\">^" +
                       pattern_of(name) + "$</field>\n" + line("same_field", "tiercel.rule"),
                   "5 new listeners on this host within 5 minutes, the last by $(tiercel.proc.name)",
                   "tiercel_sum,tiercel_network,"},
                  bases);
}

// A heartbeat of the same agent within a day tells Tiercel's agents from others.
std::string silence(const Bases& bases) {
  struct Way {
    const char* stock;  // the manager's own rule
    uint32_t level;
    const char* description;
  };
  constexpr Way kWays[] = {
      {"504", 10, "this host fell silent: its agent was connected, and now the manager hears nothing of it"},
      {"506", 8, "the agent of this host was stopped: nobody watches it now"},
  };
  std::string out = "\n  <!-- Agents that sent a heartbeat within the last day, and then the manager's own rule. -->\n";
  uint32_t id = kFirstSum + 3;
  for (const Way& way : kWays)
    out += sum_text({id++, way.level, 2, 86'400,
                     line("if_sid", way.stock) + line("if_matched_sid", std::to_string(bases.parents + kHeartbeat)),
                     way.description, "tiercel_silent,pci_dss_10.7.2,nist_800_53_SI.4,"},
                    bases);
  return out;
}

std::string by_category(const std::string& category, uint32_t n, const Bases& bases) {
  const std::string of = line("if_group", "tiercel_" + category) + line("if_matched_group", kCounted) + counted_alert();
  const std::string groups = "tiercel_sum,tiercel_" + category + ',';
  return sum_text({kManyHosts + n, 14, 5, 600, of + kOverHosts + line("same_field", "tiercel.rule"),
                   "$(tiercel.rule), seen on other hosts within the last 10 minutes", groups},
                  bases) +
         sum_text({kManyCategories + n, 14, 4, 300, of + line("different_field", "tiercel.category"),
                   "$(tiercel.rule), after detections of other categories on this host within 5 minutes", groups},
                  bases);
}

}  // namespace

std::string manager_sums(const std::vector<std::string>& categories, std::string_view listener, const Bases& bases) {
  std::string out = kHead + kills(bases) + listeners(listener, bases) + silence(bases);
  out += "\n  <!-- One detection on several hosts; detections of several categories on one. -->\n";
  for (uint32_t n = 0; n < categories.size() && n < kPerKind; ++n) out += by_category(categories[n], n, bases);
  return out + "\n</group>\n";
}

IdsByCategory ids_by_category(const std::vector<Detection>& detections, const std::map<std::string, uint32_t>& ids,
                              const std::vector<std::string>& categories, const Bases& bases) {
  IdsByCategory out;
  for (const Detection& detection : detections)
    if (const auto found = ids.find(pattern_of(detection.name));
        found != ids.end() && detection.priority <= kLeastCounted)
      out[detection.category].push_back(bases.ids + found->second);
  for (uint32_t n = 0; n < categories.size() && n < kPerKind; ++n) {
    std::vector<uint32_t>& of = out[categories[n]];
    if (categories[n] == "network") of.push_back(bases.parents + kListeners);
    of.push_back(bases.parents + kManyHosts + n);
    of.push_back(bases.parents + kManyCategories + n);
  }
  for (auto& [category, all] : out) std::sort(all.begin(), all.end());
  return out;
}

}  // namespace tiercel::wazuh
