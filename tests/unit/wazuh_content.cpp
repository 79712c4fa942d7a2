// The decoders and rules for a manager, against the contract of the event and the rules that we ship. No manager here:
// what can go wrong without one is a field that no event has, an id given twice, a shipped rule that was forgotten.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/alert/normalised.h"
#include "agent/base/fd.h"
#include "agent/base/priority.h"
#include "agent/heartbeat.h"
#include "siem/wazuh/content.h"
#include "siem/wazuh/techniques.h"

using namespace tiercel;

namespace {

const std::string kRoot = TIERCEL_SOURCE_DIR "/";

std::string text_of(const std::string& path) {
  const auto text = read_file(path, 1u << 20);
  REQUIRE_MESSAGE(text.has_value(), path);
  return *text;
}

// Everything between the two marks, in order.
std::vector<std::string> between(const std::string& text, const std::string& begin, const std::string& end) {
  std::vector<std::string> found;
  for (size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    const size_t stop = text.find(end, at);
    if (stop == std::string::npos) break;
    found.push_back(text.substr(at, stop - at));
  }
  return found;
}

std::string without_comments(std::string text) {
  for (size_t at = text.find("<!--"); at != std::string::npos; at = text.find("<!--", at)) {
    const size_t end = text.find("-->", at);
    REQUIRE(end != std::string::npos);
    text.erase(at, end + 3 - at);
  }
  return text;
}

// All files, in the order in which a manager reads them: that of their names.
std::string manager_rules() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot + "rules/wazuh/4.x"))
    paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  REQUIRE(paths.size() == 3);
  std::string all;
  for (const std::string& path : paths) all += text_of(path);
  return without_comments(all);
}

// The name of each shipped rule, and the techniques among its tags.
std::map<std::string, std::vector<std::string>> shipped_rules() {
  std::map<std::string, std::vector<std::string>> rules;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot + "rules")) {
    if (entry.path().extension() != ".yaml") continue;
    const std::string text = text_of(entry.path().string()) + '\n';
    for (const std::string& body : between(text + "- rule: ", "- rule: ", "- rule: ")) {
      const std::string name = body.substr(0, body.find('\n'));
      for (std::string& tags : between(body, "tags: [", "]")) {
        std::vector<std::string> techniques;
        tags += ", ";
        for (const std::string& tag : between(", " + tags, ", ", ","))
          if (tag.size() > 4 && tag[0] == 'T' && tag[1] >= '0' && tag[1] <= '9') techniques.push_back(tag);
        rules[name] = techniques;
      }
    }
  }
  return rules;
}

}  // namespace

TEST_CASE("wazuh content: rules and descriptions name fields that events have") {
  const std::string rules = manager_rules();
  std::set<std::string> fields;
  for (const std::string& field : between(rules, "<field name=\"tiercel.", "\"")) fields.insert(field);
  for (const std::string& field : between(rules, "$(tiercel.", ")")) fields.insert(field);
  CHECK(fields.contains("priority"));
  CHECK(fields.contains("rule"));
  for (const std::string& field : fields)
    CHECK_MESSAGE((alert::is_normalised_key(field) || field.starts_with("field.")), field);
  // A long field in a description leaves all of it unexpanded on the manager: these are short whoever made the event.
  const std::set<std::string> bounded = {"rule",
                                         "proc.name",
                                         "proc.pname",
                                         "user.uid",
                                         "container.id",
                                         "field.response_result",
                                         "field.response_script",
                                         "field.response_pid",
                                         "field.response_name",
                                         "field.response_action",
                                         "field.output",
                                         "field.blind_s",
                                         "field.lost",
                                         "field.state",
                                         "field.from",
                                         "field.to",
                                         "field.how",
                                         "field.since",
                                         "field.what",
                                         "field.count",
                                         "field.denied",
                                         "field.tracer_pid",
                                         "field.latency_us",
                                         "field.cgroup",
                                         "field.held_back",
                                         "field.held_back_per_s"};
  for (const std::string& description : between(rules, "<description>", "</description>"))
    for (const std::string& field : between(description, "$(tiercel.", ")"))
      CHECK_MESSAGE(bounded.contains(field), description);
}

TEST_CASE("wazuh content: ids are ours and given once, parents exist, each priority has its rule") {
  const std::string rules = manager_rules();
  std::set<int> ids;
  for (const std::string& id : between(rules, "<rule id=\"", "\"")) CHECK(ids.insert(std::stoi(id)).second);
  for (const int id : ids) CHECK((id >= 110'000 && id < 110'500));
  // A parent that comes later is one that is not there. 504 and 506 are the manager's own.
  std::set<int> read = {504, 506};
  for (const std::string& rule : between(rules, "<rule id=\"", "</rule>")) {
    std::vector<std::string> lists = between(rule, "<if_sid>", "</if_sid>");
    for (std::string& counted : between(rule, "<if_matched_sid>", "</if_matched_sid>")) lists.push_back(counted);
    // A manager counts an alert once for each place that its rule has in the tree.
    if (!lists.empty()) CHECK(lists[0].find(',') == std::string::npos);
    for (std::string parents : lists) {
      parents = ',' + parents + ',';
      for (size_t at = 0; (at = parents.find(',', at)) + 1 < parents.size();)
        CHECK(read.contains(std::stoi(parents.substr(++at))));
    }
    read.insert(std::stoi(rule));
  }
  for (size_t n = 0; n < kPriorityNames.size(); ++n) {
    const std::string begin = "<rule id=\"" + std::to_string(wazuh::kRuleIdBase + 1 + n) + "\" level=\"";
    const std::vector<std::string> found = between(rules, begin, "</rule>");
    REQUIRE(found.size() == 1);
    CHECK(std::stoul(found[0]) == wazuh::kLevels.at(n));
    CHECK(found[0].find("<field name=\"tiercel.priority\">^" + std::string(kPriorityNames.at(n)) + "$</field>") !=
          std::string::npos);
  }
}

TEST_CASE("wazuh content: every shipped rule has its rule on the manager, with its technique") {
  const auto shipped = shipped_rules();
  REQUIRE(shipped.size() >= 3);
  const std::vector<std::string> on_manager = between(manager_rules(), "<rule ", "</rule>");
  for (const auto& rule_and_techniques : shipped) {
    const std::string& name = rule_and_techniques.first;
    const std::vector<std::string>& techniques = rule_and_techniques.second;
    CAPTURE(name);
    const auto found = std::find_if(on_manager.begin(), on_manager.end(), [&name](const std::string& rule) {
      return rule.find("<field name=\"tiercel.rule\">^" + name + "$</field>") != std::string::npos;
    });
    REQUIRE(found != on_manager.end());
    REQUIRE_FALSE(techniques.empty());
    for (const std::string& technique : techniques) {
      const auto known = wazuh::manager_technique(technique);
      REQUIRE_MESSAGE(known.has_value(), technique);
      CHECK_MESSAGE(found->find("<id>" + *known + "</id>") != std::string::npos, technique);
    }
  }
}

namespace {

using wazuh::Detection;

std::string exported(const std::vector<Detection>& detections, const std::string& before = "",
                     const wazuh::Bases& bases = {}) {
  auto xml = wazuh::manager_rules(detections, wazuh::detection_ids(before), bases);
  REQUIRE(xml.has_value());
  return *xml;
}

// "110100 A|110101 B"
std::string ids_in(const std::string& xml) {
  std::string out;
  for (const std::string& rule : between(without_comments(xml), "<rule id=\"", "</rule>"))
    out += (out.empty() ? "" : "|") + rule.substr(0, 6) + ' ' + between(rule, ">^", "$</field>").at(0);
  return out;
}

Detection named(const std::string& name) {
  return {name, "network", Priority::kError, {"T1571"}, {}};
}

}  // namespace

TEST_CASE("wazuh content: what is written of a detection") {
  const std::string xml = exported({{"A B-c 2",
                                     "cryptomining",
                                     Priority::kWarning,
                                     {"T1496", "T1059.004"},
                                     {"pci_dss_11.5.2", "nist_800_53_SI.7"}}});
  CHECK(xml.find("<rule id=\"110100\" level=\"7\">") != std::string::npos);
  CHECK(xml.find("<if_sid>110009</if_sid>") != std::string::npos);
  CHECK(xml.find(">^A B-c 2$</field>") != std::string::npos);
  CHECK(xml.find("<description>Tiercel: A B-c 2 by $(tiercel.proc.name) (parent=$(tiercel.proc.pname) ") !=
        std::string::npos);
  CHECK(between(xml, "<id>", "</id>") == std::vector<std::string>{"T1496", "T1059.004"});
  CHECK(xml.find("<group>tiercel_cryptomining,tiercel_counted,pci_dss_11.5.2,nist_800_53_SI.7,</group>") !=
        std::string::npos);
  const std::string quiet = exported({{"A", "x", Priority::kNotice, {}, {}}});
  CHECK(quiet.find("<mitre>") == std::string::npos);
  CHECK(quiet.find("<group>tiercel_x,</group>") != std::string::npos);  // nothing that a sum counts
  const std::string moved = exported({named("A")}, xml, {120'000, 117'000});
  CHECK(ids_in(moved) == "120101 A");
  CHECK(moved.find("<if_sid>117009<") != std::string::npos);
}

TEST_CASE("wazuh content: groups that a manager takes for requirements") {
  CHECK(wazuh::is_requirement("pci_dss_11.5.2"));
  CHECK(wazuh::is_requirement("nist_800_53_SI.7"));
  CHECK(wazuh::is_requirement("cis_csc_v8_10.7"));
  CHECK_FALSE(wazuh::is_requirement("network"));
  CHECK_FALSE(wazuh::is_requirement("mitre_pci_dss_1"));
  CHECK_FALSE(wazuh::is_requirement("pci_dss_1</group>"));
  CHECK_FALSE(wazuh::is_requirement("cis_1,tiercel_kill"));
}

TEST_CASE("wazuh content: techniques that a manager knows, and what stands for others") {
  CHECK(wazuh::manager_technique("T1059.004") == "T1059.004");
  CHECK(wazuh::manager_technique("T1652") == "T1652");          // the last of the list
  CHECK(wazuh::manager_technique("T1001") == "T1001");          // the first
  CHECK(wazuh::manager_technique("T1496.001") == "T1496");      // new in 16
  CHECK(wazuh::manager_technique("T1574.002") == "T1574.002");  // revoked since
  CHECK_FALSE(wazuh::manager_technique("T1681").has_value());   // new in 18
  CHECK_FALSE(wazuh::manager_technique("").has_value());
}

TEST_CASE("wazuh content: each category has its sums, whose levels are above its detections'") {
  const std::string rules = manager_rules();
  std::set<std::string> categories;
  int highest = 0;
  for (const std::string& rule : between(rules, "<rule id=\"", "</rule>"))
    if (rule.find("tiercel_counted,") != std::string::npos) {
      categories.insert(between(rule, "<group>tiercel_", ",").at(0));
      highest = std::max(highest, std::stoi(between(rule, "level=\"", "\"").at(0)));
    }
  CHECK(categories.size() == 6);
  for (const std::string& category : categories) {
    int sums = 0;
    for (const std::string& rule : between(rules, "<rule id=\"", "</rule>"))
      if (rule.find("<if_group>tiercel_" + category + "</if_group>") != std::string::npos) {
        ++sums;
        CHECK(std::stoi(between(rule, "level=\"", "\"").at(0)) > highest);
        CHECK(rule.find("tiercel_" + category + ",</group>") != std::string::npos);
      }
    CHECK_MESSAGE(sums == 2, category);
  }
}

TEST_CASE("wazuh content: no alert is below the level from which on a manager writes them") {
  for (const unsigned level : wazuh::kLevels) CHECK((level >= 3 && level <= 16));
  for (const std::string& level : between(manager_rules(), "level=\"", "\"")) {
    CHECK(std::stoi(level) >= 3);
    CHECK(std::stoi(level) <= 16);
  }
}

TEST_CASE("wazuh content: whatever the agent reports of itself has its rule") {
  const std::string rules = manager_rules();
  std::set<std::string> told;
  for (const char* folder : {"agent", "siem"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot + folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".h") continue;
      for (const std::string& name : between(text_of(entry.path().string()), "\"Tiercel internal: ", "\""))
        if (!name.empty() && name.find_first_of("\\.\n") == std::string::npos) told.insert(name);
    }
  CHECK(told.size() >= 10);
  for (const std::string& name : told)
    CHECK_MESSAGE(
        rules.find("<field name=\"tiercel.rule\">^Tiercel internal: " + name + "$</field>") != std::string::npos, name);
}

TEST_CASE("wazuh content: an id is for ever") {
  const std::string first = exported({named("A"), named("B"), named("C")});
  CHECK(ids_in(first) == "110100 A|110101 B|110102 C");
  CHECK(exported({named("C"), named("A"), named("B")}, first) == first);
  CHECK(ids_in(exported({named("A"), named("New"), named("B"), named("C")}, first)) ==
        "110100 A|110101 B|110102 C|110103 New");
  const std::string less = exported({named("A"), named("B")}, first);
  CHECK(ids_in(less) == "110100 A|110101 B");
  CHECK(less.find("<!-- retired: 110102 C -->") != std::string::npos);
  const std::string more = exported({named("A"), named("D")}, less);
  CHECK(ids_in(more) == "110100 A|110103 D");
  CHECK(ids_in(exported({named("B"), named("C"), named("E")}, more)) == "110101 B|110102 C|110104 E");
  std::vector<Detection> many;
  for (int n = 0; n < 901; ++n) many.push_back(named("R" + std::to_string(n)));
  CHECK_FALSE(wazuh::manager_rules(many, {}).has_value());
  many.pop_back();
  CHECK(wazuh::manager_rules(many, {}).has_value());
}

TEST_CASE("wazuh content: names that a pattern or XML cannot say") {
  CHECK(wazuh::pattern_of("a(b)|c$<&>\"+") == R"(a\.b\.\.c\.\.\.\.\.\.)");
  CHECK(wazuh::pattern_of("a---b") == R"(a-\.-b)");
  CHECK_FALSE(wazuh::manager_rules({named("a(b"), named("a)b")}, {}).has_value());
  const std::string odd = exported({named("x<y> & $(z) -- w")});
  CHECK(odd.find("Tiercel: x y      z  -- w by $(tiercel.proc.name) (") != std::string::npos);
  CHECK(exported({named("x<y> & $(z) -- w")}, odd) == odd);
  CHECK(wazuh::detection_ids("<rule id=\"\n<field name=\"tiercel.rule\">^$<!-- retired: x").empty());
}

TEST_CASE("wazuh content: the heartbeat is quiet, a refusal of rules is not") {
  const std::string rules = manager_rules();
  auto level_of = [&rules](const std::string& rule) {
    for (const std::string& body : between(rules, "<rule ", "</rule>"))
      if (body.find("<field name=\"tiercel.rule\">^" + rule + "$</field>") != std::string::npos) {
        CHECK(body.find("<if_sid>110020</if_sid>") != std::string::npos);  // deeper than its priority's rule
        return std::stoi(between(body, "level=\"", "\"").at(0));
      }
    return -1;
  };
  const std::string heartbeat = heartbeat_report(1, {}).rule;
  const std::string refusal = refusal_report({}).rule;
  CHECK(level_of(heartbeat) == 3);
  CHECK(level_of(refusal) > 7);
}

TEST_CASE("wazuh content: the decoder claims what the agent sends") {
  const std::string decoders = without_comments(text_of(kRoot + "decoders/wazuh/4.x/tiercel_decoders.xml"));
  CHECK(between(decoders, "<decoder name=\"", "\"") == std::vector<std::string>{"tiercel", "tiercel-json"});
  const std::vector<std::string> prematches = between(decoders, "<prematch>^", "</prematch>");
  REQUIRE(prematches.size() == 2);
  // The text after queue and location, with the first byte of the JSON.
  const std::string text = std::string(alert::kEventMessagePrefix.substr(std::string_view("1:tiercel:").size())) + '{';
  CHECK(prematches[0] == text);
  CHECK(prematches[1] + '{' == text);
  CHECK(manager_rules().find("<decoded_as>tiercel</decoded_as>") != std::string::npos);
}
