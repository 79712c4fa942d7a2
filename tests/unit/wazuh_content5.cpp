// Rules for Wazuh 5.x: what becomes of a detection's text, tags and name. tests/manager/preview_test.py judges the file
// that ships.
#include <doctest/doctest.h>
#include <yaml-cpp/yaml.h>

#include <set>
#include <string>
#include <vector>

#include "siem/wazuh/content5.h"

using namespace tiercel;

namespace {

wazuh::Detection5 detection(const std::string& name) {
  wazuh::Detection5 out;
  out.name = name;
  out.description = "A thing: it \"happens\".\nNext: look.\nHarmless: backups.\n";
  out.priority = Priority::kCritical;
  return out;
}

YAML::Node first_of(const wazuh::Detection5& one) {
  return YAML::LoadAll(wazuh::sigma_rules({one})).at(0);
}

std::vector<std::string> texts(const YAML::Node& node) {
  return node.as<std::vector<std::string>>();
}

}  // namespace

TEST_CASE("wazuh5: a rule's text is taken apart") {
  YAML::Node rule = first_of(detection("r"));
  CHECK(rule["metadata"]["description"].as<std::string>() == "A thing: it \"happens\".");
  CHECK(rule["metadata"]["documentation"].as<std::string>() == "Next: look.");
  CHECK(texts(rule["falsepositives"]) == std::vector<std::string>{"backups."});

  wazuh::Detection5 plain = detection("r");
  plain.description = "Only this.";
  rule = first_of(plain);
  CHECK(rule["metadata"]["description"].as<std::string>() == "Only this.");
  CHECK_FALSE(rule["metadata"]["documentation"]);
  CHECK_FALSE(rule["falsepositives"]);
}

TEST_CASE("wazuh5: a sub-technique names the technique that it is part of, once") {
  wazuh::Detection5 one = detection("r");
  one.tactics = {"execution"};
  one.tactic_ids = {"TA0002"};
  one.techniques = {"T1059", "T1059.004", "T1059.006"};
  const YAML::Node rule = first_of(one);
  CHECK(texts(rule["mitre"]["tactic"]) == std::vector<std::string>{"TA0002"});
  CHECK(texts(rule["mitre"]["technique"]) == std::vector<std::string>{"T1059"});
  CHECK(texts(rule["mitre"]["subtechnique"]) == std::vector<std::string>{"T1059.004", "T1059.006"});
  CHECK(texts(rule["tags"]) ==
        std::vector<std::string>{"attack.execution", "attack.t1059", "attack.t1059.004", "attack.t1059.006"});
  CHECK_FALSE(first_of(detection("r"))["mitre"]);
}

TEST_CASE("wazuh5: requirements go to their frameworks; what 5.x has no framework for is left out") {
  wazuh::Detection5 one = detection("r");
  one.requirements = {"cis_csc_v8_10.7", "nist_800_53_SI.4", "pci_dss_10.2", "pci_dss_11.5.2"};
  const YAML::Node compliance = first_of(one)["compliance"];
  CHECK(compliance.size() == 2);
  CHECK(texts(compliance["pci_dss"]) == std::vector<std::string>{"10.2", "11.5.2"});
  CHECK(compliance["pci_dss"][0].Tag() == "!");  // quoted: no number
  CHECK(texts(compliance["nist_800_53"]) == std::vector<std::string>{"SI-4"});
  one.requirements = {"cis_csc_v8_10.7"};
  CHECK_FALSE(first_of(one)["compliance"]);
}

TEST_CASE("wazuh5: a name is asked for as it is") {
  for (const std::string name : {"Shell: \"it's\" # no", "*?\\", "No", "\xc3\xa9"}) {
    std::string unescaped;
    const YAML::Node rule = first_of(detection(name));
    const auto asked = rule["detection"]["selection"]["rule.name"].as<std::string>();
    for (size_t i = 0; i < asked.size(); ++i) unescaped += asked[i] == '\\' ? asked[++i] : asked[i];
    CHECK(unescaped == name);
    CHECK(rule["metadata"]["title"].as<std::string>() == name);
  }
  CHECK(first_of(detection("a*b"))["detection"]["selection"]["rule.name"].as<std::string>() == "a\\*b");
}

TEST_CASE("wazuh5: the order of the rules changes nothing, and ids are the names' own") {
  const std::string file = wazuh::sigma_rules({detection("b"), detection("a")});
  CHECK(file == wazuh::sigma_rules({detection("a"), detection("b")}));
  CHECK(YAML::LoadAll(file).size() == 4);
  // uuid.uuid5(uuid.NAMESPACE_URL, "tiercel:rule:...") of Python
  CHECK(wazuh::rule_uuid("Account Added or Changed by Hand") == "57727435-e510-5818-9cc6-d98f44b377b6");
  std::set<std::string> ids;
  for (int n = 0; n < 200; ++n) {
    const std::string id = wazuh::rule_uuid(std::to_string(n));
    CHECK(id.size() == 36);
    CHECK(id[14] == '5');
    CHECK(std::string("89ab").find(id[19]) != std::string::npos);
    ids.insert(id);
  }
  CHECK(ids.size() == 200);
}

TEST_CASE("wazuh5: levels") {
  const std::vector<std::string> wanted = {"critical", "critical", "high",          "high",
                                           "medium",   "low",      "informational", "informational"};
  for (size_t n = 0; n < wanted.size(); ++n) CHECK(wazuh::level5(static_cast<Priority>(n)) == wanted[n]);
}
