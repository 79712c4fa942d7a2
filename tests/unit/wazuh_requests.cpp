// What a manager's API asks of an agent, and the answers: JSON of the right shape, true values, clean refusals.
#include "siem/wazuh/requests.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "siem/wazuh/datagram_answers.h"

using namespace tiercel;
using namespace tiercel::wazuh;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

WazuhOptions some_options() {
  WazuhOptions options;
  options.managers = {{"one.example", 1514, 1515}, {"192.0.2.7", 2514, 2515, Protocol::kUdp}};
  options.agent_name = "web-1";
  options.groups = {"web", "north"};
  options.password = "never-told";
  options.labels = {{"site", "no\"rth", Label::Visibility::kVisible}, {"rack", "7", Label::Visibility::kHidden}};
  options.rate_max_per_s = 300;
  return options;
}

Answer ask(const std::string& target, const std::string& payload, const RequestFacts& facts = {},
           const WazuhOptions& options = some_options()) {
  return answer_request({"1", target, payload}, options, facts);
}

// The JSON after "ok ".
rapidjson::Document section(const std::string& target, const std::string& name,
                            const WazuhOptions& options = some_options(), const RequestFacts& facts = {}) {
  const std::string text = ask(target, "getconfig " + name, facts, options).text;
  INFO(text);
  REQUIRE(text.starts_with("ok "));
  rapidjson::Document document;
  document.Parse(text.c_str() + 3);
  REQUIRE_FALSE(document.HasParseError());
  REQUIRE(document.IsObject());
  return document;
}

}  // namespace

TEST_CASE("wazuh requests: the client section says where and how the agent connects, and no secret") {
  const auto document = section("agent", "client");
  const auto& client = document["client"];
  CHECK(client["notify_time"].GetInt() == 20);
  CHECK(client["time-reconnect"].GetInt() == 60);
  CHECK(client["crypto_method"] == "aes");
  REQUIRE(client["server"].Size() == 2);
  CHECK(client["server"][0]["address"] == "one.example");
  CHECK(client["server"][0]["port"].GetInt() == 1514);
  CHECK(client["server"][0]["protocol"] == "tcp");
  CHECK(client["server"][1]["protocol"] == "udp");
  CHECK(client["enrollment"]["enabled"] == "yes");
  CHECK(client["enrollment"]["agent_name"] == "web-1");
  CHECK(client["enrollment"]["group"] == "web,north");
  CHECK(client["enrollment"]["port"].GetInt() == 1515);
  CHECK(ask("agent", "getconfig client").text.find("never-told") == std::string::npos);
}

TEST_CASE("wazuh requests: the other sections, and what Tiercel does not have as empty or disabled") {
  CHECK(section("agent", "buffer")["buffer"]["events_per_second"].GetInt() == 300);
  const auto labels = section("agent", "labels");
  REQUIRE(labels["labels"].Size() == 2);
  CHECK(labels["labels"][0]["key"] == "site");
  CHECK(labels["labels"][0]["value"] == "no\"rth");
  CHECK(labels["labels"][0]["hidden"] == "no");
  CHECK(labels["labels"][1]["hidden"] == "yes");
  CHECK(section("agent", "internal")["internal"]["agent"]["recv_timeout"].GetInt() == 60);
  CHECK(section("agent", "anti_tampering")["package_uninstallation"][0] == "no");
  RequestFacts facts;
  facts.takes_responses = true;
  CHECK(section("com", "active-response", some_options(), facts)["active-response"]["disabled"] == "no");
  CHECK(section("com", "active-response")["active-response"]["disabled"] == "yes");
  CHECK(ask("com", "getconfig logging").text == R"(ok  {"logging":{"plain":"yes","json":"no"}})");
  CHECK(section("com", "internal").HasMember("internal"));
  CHECK(section("logcollector", "localfile")["localfile"].Size() == 0);
  CHECK(section("syscheck", "syscheck")["syscheck"]["disabled"] == "yes");
  CHECK(section("syscheck", "rootcheck")["rootcheck"]["disabled"] == "yes");
  CHECK(section("wmodules", "wmodules")["wmodules"].Size() == 0);
  // As of an agent that is no manager.
  CHECK(ask("com", "getconfig cluster").text == "err Could not get requested section");
}

TEST_CASE("wazuh requests: states") {
  RequestFacts facts;
  facts.last_ack_ns = 1'700'000'000 * kSecondNs;
  facts.messages = 7;
  facts.alerts = 40;
  facts.waiting = 3;
  rapidjson::Document document;
  document.Parse(ask("agent", "getstate", facts).text.c_str());
  REQUIRE_FALSE(document.HasParseError());
  CHECK(document["error"].GetInt() == 0);
  CHECK(document["data"]["status"] == "connected");
  CHECK(document["data"]["last_keepalive"] == "");
  CHECK(document["data"]["last_ack"].GetStringLength() == 19);
  CHECK(document["data"]["msg_count"].GetInt() == 40);
  CHECK(document["data"]["msg_sent"].GetInt() == 7);
  CHECK(document["data"]["msg_buffer"].GetInt() == 3);
  CHECK(document["data"]["buffer_enabled"].GetBool());
  document.Parse(ask("logcollector", "getstate", facts).text.c_str());
  REQUIRE_FALSE(document.HasParseError());
  CHECK(document["data"]["global"]["files"].Size() == 0);
  CHECK(document["data"]["interval"]["files"].Size() == 0);
}

TEST_CASE("wazuh requests: restart and reload are for the owner, if there is one for it") {
  CHECK(ask("com", "restart").text.starts_with("err "));
  CHECK(ask("com", "restart").action == AgentAction::kNone);
  CHECK(ask("com", "reload").action == AgentAction::kNone);
  RequestFacts facts;
  facts.can_restart = facts.can_reload = true;
  CHECK(ask("com", "restart", facts).text == "ok ");
  CHECK(ask("com", "restart", facts).action == AgentAction::kRestart);
  CHECK(ask("com", "reload", facts).action == AgentAction::kReload);
  CHECK(ask("agent", "restart", facts).action == AgentAction::kNone);
  CHECK(ask("syscheck", "restart", facts).action == AgentAction::kNone);
}

TEST_CASE("wazuh requests: upgrades are refused with the reason, in both of the manager's forms") {
  for (const char* step : {"lock_restart -1", "open wb fake.wpk", "write 3 fake.wpk abc", "close fake.wpk",
                           "sha1 fake.wpk", "upgrade fake.wpk upgrade.sh", "unmerge f", "uncompress a b"})
    CHECK(ask("com", step).text == "err Tiercel is upgraded by the packages of its host, not by the manager");
  rapidjson::Document document;
  document.Parse(ask("upgrade", R"({"command":"open","parameters":{"mode":"wb","file":"f"}})").text.c_str());
  REQUIRE_FALSE(document.HasParseError());
  CHECK(document["error"].GetInt() == 1);
  CHECK(document["message"] == "Tiercel is upgraded by the packages of its host, not by the manager");
  CHECK(document["data"].Size() == 0);
}

TEST_CASE("wazuh requests: what is unknown, empty, long or rubbish gets a clean error") {
  CHECK(ask("agent", "").text == "err Unrecognized command");
  CHECK(ask("agent", "getconfig").text == "err Could not get requested section");
  CHECK(ask("agent", "getconfig ").text == "err Could not get requested section");
  CHECK(ask("agent", "getconfig nothing").text == "err Could not get requested section");
  CHECK(ask("agent", "getstates").text == "err Unrecognized command");
  CHECK(ask("com", "check-manager-configuration").text == "err Unrecognized command");
  CHECK(ask("monitor", "getconfig internal").text == "err No such file or directory");
  CHECK(ask("../../etc", "getstate").text == "err No such file or directory");
  CHECK(ask("", "").text == "err No such file or directory");
  const std::string rubbish("\0\xff\n{}\"\\%s%n", 11);
  for (const char* target : {"agent", "com", "upgrade", "logcollector", "syscheck", "wmodules", "x"})
    for (const std::string& payload : {rubbish, "getconfig " + rubbish, std::string(65'000, 'x')})
      CHECK(ask(target, payload).text.size() < 200);
}

TEST_CASE("wazuh requests: no answer is longer than a message") {
  WazuhOptions options = some_options();
  for (int i = 0; i < 3'000; ++i)
    options.labels.push_back({"key" + std::to_string(i), std::string(100, '\x01'), Label::Visibility::kVisible});
  const auto document = section("agent", "labels", options);  // cut at a whole label
  CHECK(document["labels"].Size() > 50);
  CHECK(ask("agent", "getconfig labels", {}, options).text.size() <= kAnswerBytesMax);
}

TEST_CASE("wazuh requests: over UDP answers are repeated until the manager has them, and requests are answered once") {
  DatagramAnswers answers;
  CHECK(answers.next_ns() == UINT64_MAX);
  CHECK_FALSE(answers.seen("a1"));
  CHECK(answers.seen("a1"));
  answers.sent("a1", "first", 0);
  answers.sent("a2", "second", 500'000'000);
  CHECK(answers.next_ns() == kSecondNs);
  CHECK(answers.due(kSecondNs - 1).empty());
  CHECK(answers.due(kSecondNs) == std::vector<std::string>{"first"});
  answers.acknowledged("a1");
  answers.acknowledged("never heard of");
  size_t repeats = 0;
  for (uint64_t s = 2; s < 20; ++s) repeats += answers.due(s * kSecondNs).size();
  CHECK(repeats == 3);  // four attempts in all
  CHECK(answers.next_ns() == UINT64_MAX);

  // A manager that asks without end costs a bounded memory.
  for (int i = 0; i < 10'000; ++i) {
    CHECK_FALSE(answers.seen("c" + std::to_string(i)));
    answers.sent("c" + std::to_string(i), "text", 0);
  }
  CHECK(answers.due(kSecondNs).size() == DatagramAnswers::kAnswersMax);
}
