#include "siem/aws/finding.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "siem/aws/asff.h"
#include "siem/aws/hub_batch.h"
#include "siem/aws/ocsf.h"

using namespace tiercel;
using namespace tiercel::aws;

namespace {

const Place kPlace{"123456789012", "cn-north-1", "aws-cn", "", "", "", "", ""};

alert::Alert alert_of(const std::string& json, const std::string& rule = "Reverse Shell") {
  alert::Alert alert;
  alert.id = "a-1";
  alert.rule = rule;
  alert.source = "syscall";
  alert.priority = alert::Priority::kError;
  alert.time_ns = 1'700'000'000'000'000'000;
  alert.message = "shell";
  alert.event_json = json;
  return alert;
}

const char* const kEvent =
    R"({"tiercel":{"schema":"1","rule":"Reverse Shell","host":{"name":"web-1"},"mitre":{"technique":["T1059.004"],)"
    R"("tactic":["execution","impact"]},"evt":{"type":"connect"},"proc":{"name":"bash","pid":12,"start_ns":"9999999999",)"
    R"("exepath":"/bin/bash"},"fd":{"l4proto":"tcp","cip":"10.0.0.1","cport":5,"sip":"2001:db8::1","sport":443},)"
    R"("container":{"id":"0123456789ab","name":"shop","privileged":true}},"srcip":"10.0.0.1"})";

rapidjson::Document parsed(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.c_str());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

}  // namespace

TEST_CASE("a finding has what the event says") {
  const Finding finding = read_finding(alert_of(kEvent));
  CHECK(finding.id == "tiercel/web-1/Reverse%20Shell/0123456789ab//bin/bash");
  CHECK(finding.process.pid == 12);
  CHECK(finding.container.privileged == true);
  CHECK(finding.network.outbound);
  CHECK(finding.network.destination_port == 443);
  CHECK(finding.techniques == std::vector<std::string>{"T1059.004"});
  CHECK(std::find(finding.facts.begin(), finding.facts.end(),
                  std::pair<std::string, std::string>{"proc.start_ns", "9999999999"}) != finding.facts.end());
}

TEST_CASE("the id is the same for other pids and times, another for other programs, rules, hosts and containers") {
  const std::string id = read_finding(alert_of(kEvent)).id;
  const auto id_with = [&](std::string_view from, std::string_view to) {
    std::string json = kEvent;
    json.replace(json.find(from), from.size(), to);
    return read_finding(alert_of(json)).id;
  };
  CHECK(id_with("\"pid\":12", "\"pid\":13") == id);
  CHECK(id_with("/bin/bash", "/bin/dash") != id);
  CHECK(id_with("web-1", "web-2") != id);
  CHECK(id_with("0123456789ab", "1123456789ab") != id);
  CHECK(read_finding(alert_of(kEvent, "Other")).id != id);
  // Slashes in a name do not move the borders.
  CHECK(id_with("web-1", "web-1/Reverse Shell") != id_with("web-1", "web-1%2FReverse%20Shell"));
  const std::string path(2000, 'x');
  CHECK(id_with("/bin/bash", path).size() <= 512);
  CHECK(id_with("/bin/bash", path + "1") != id_with("/bin/bash", path + "2"));
}

TEST_CASE("what is no event gives a finding of the alert's own facts") {
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += R"({"tiercel":)";
  for (const std::string& json :
       {std::string(), std::string("[]"), std::string(R"({"tiercel":7})"),
        std::string("{\"tiercel\":{\"proc\":[[1]]}}"),
        std::string(R"({"tiercel":{"proc":{"pid":99999999999,"name":{"a":{"b":{"c":{"d":1}}}}}}})"), deep}) {
    const Finding finding = read_finding(alert_of(json));
    CHECK(finding.rule == "Reverse Shell");
    CHECK_FALSE(finding.process.pid.has_value());
    CHECK(finding.message == "shell");
  }
}

TEST_CASE("ASFF: partition, severity, types, addresses; an update leaves alone what customers change") {
  const Finding finding = read_finding(alert_of(kEvent));
  const auto first = parsed(asff(finding, kPlace, finding.last_ns + 5, false));
  CHECK(std::string(first["ProductArn"].GetString()) ==
        "arn:aws-cn:securityhub:cn-north-1:123456789012:product/123456789012/default");
  CHECK(std::string(first["Severity"]["Label"].GetString()) == "HIGH");
  CHECK(first["Severity"]["Normalized"].GetInt() == 70);
  CHECK(std::string(first["Severity"]["Original"].GetString()) == "Error");
  CHECK(std::string(first["Types"][0].GetString()) == "TTPs/Execution/T1059.004");
  CHECK(std::string(first["Resources"][0]["Type"].GetString()) == "Other");
  CHECK(first["Resources"][1]["Details"]["Container"]["Privileged"].GetBool());
  CHECK(std::string(first["Network"]["SourceIpV4"].GetString()) == "10.0.0.1");
  CHECK(std::string(first["Network"]["DestinationIpV6"].GetString()) == "2001:db8::1");
  CHECK(std::string(first["Network"]["Direction"].GetString()) == "OUT");
  CHECK(std::string(first["UpdatedAt"].GetString()) == "2023-11-14T22:13:20.000000005Z");
  CHECK(std::string(first["Remediation"]["Recommendation"]["Url"].GetString()) ==
        "https://attack.mitre.org/techniques/T1059/004/");
  const auto again = parsed(asff(finding, kPlace, finding.last_ns, true));
  CHECK_FALSE(again.HasMember("Severity"));
  CHECK_FALSE(again.HasMember("Types"));
  CHECK(std::string(again["FindingProviderFields"]["Severity"]["Label"].GetString()) == "HIGH");
}

TEST_CASE("ASFF: what ATT&CK calls impact becomes the taxonomy's effects; an internal report is no tactic") {
  Finding finding;
  finding.tactics = {"impact"};
  finding.techniques = {"T1496", "T1486"};
  CHECK(asff_types(finding) ==
        std::vector<std::string>{"Effects/Resource Consumption/T1496", "Effects/Data Destruction/T1486"});
  finding = {};
  finding.source = "internal";
  CHECK(asff_types(finding) == std::vector<std::string>{"Software and Configuration Checks"});
  finding.source = "syscall";
  CHECK(asff_types(finding) == std::vector<std::string>{"Unusual Behaviors/Process"});
}

TEST_CASE("ASFF: sizes hold whatever the event holds") {
  Finding finding = read_finding(alert_of(kEvent));
  for (int i = 0; i < 200; ++i) finding.facts.emplace_back("field.k" + std::to_string(i), std::string(8192, '\x01'));
  finding.message = std::string(5000, '\xff');
  const std::string text = asff(finding, kPlace, 0, false);
  CHECK(text.size() <= kFindingSizeMax);
  CHECK(parsed(text)["ProductFields"].MemberCount() <= 50);
}

TEST_CASE("OCSF: class, type, severity and process") {
  const Finding finding = read_finding(alert_of(kEvent));
  const auto made = parsed(ocsf(finding, kPlace, finding.last_ns, true));
  CHECK(made["class_uid"].GetInt() == 2004);
  CHECK(made["type_uid"].GetInt() == 200402);
  CHECK(made["severity_id"].GetInt() == 4);
  CHECK(made["time"].GetInt64() == 1'700'000'000'000);
  CHECK(made["evidences"][0]["process"]["pid"].GetInt() == 12);
  CHECK(made["evidences"][0]["connection_info"]["direction_id"].GetInt() == 2);
  CHECK(std::string(made["finding_info"]["attacks"][0]["sub_technique"]["uid"].GetString()) == "T1059.004");
}

TEST_CASE("texts are cut at whole characters, and bytes that are none are replaced") {
  CHECK(bounded("a\xc3\xa4\xe2\x82\xac!", 3) == "a\xc3\xa4\xe2\x82\xac");
  CHECK(bounded("\xff\xc3", 9) == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(bounded("\xed\xa0\x80", 9).size() == 9);  // a surrogate: three bytes that are nothing
  CHECK(is_blank(" \t\n"));
}

TEST_CASE("repeats in a batch are one finding; what was brought is remembered with its first time and sum") {
  Batch batch;
  Finding early = read_finding(alert_of(kEvent)), late = early;
  late.last_ns += 7;
  late.first_ns += 7;
  late.message = "later";
  batch.add({alert::Lane::kRest, 1}, late, 10);
  batch.add({alert::Lane::kRest, 2}, early, 11);
  REQUIRE(batch.size() == 1);
  bool known = true;
  Finding whole = batch.whole(batch.entries().front(), known);
  CHECK_FALSE(known);
  CHECK(whole.count == 2);
  CHECK(whole.message == "later");
  CHECK(whole.first_ns == early.first_ns);
  CHECK_FALSE(batch.urgent());
  std::vector<siem::RowId> rows;
  batch.remove(early.id, true, rows);
  CHECK(rows.size() == 2);
  Finding critical = late;
  critical.priority = alert::Priority::kCritical;
  batch.add({alert::Lane::kCritical, 3}, critical, 12);
  CHECK(batch.urgent());
  whole = batch.whole(batch.entries().front(), known);
  CHECK(known);
  CHECK(whole.count == 3);
  CHECK(whole.first_ns == early.first_ns);
  batch.remove(early.id, false, rows);
  CHECK(batch.size() == 0);
  CHECK_FALSE(batch.urgent());
}
