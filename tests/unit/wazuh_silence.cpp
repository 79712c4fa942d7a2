#include "siem/wazuh/manager/silence.h"

#include <doctest/doctest.h>

#include <string>

#include "siem/wazuh/manager/dev_manager.h"

using namespace tiercel::wazuh;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

std::string heartbeat(const std::string& rules, const std::string& attached, int uptime_s) {
  return R"(tiercel: {"tiercel":{"schema":"1","rule":"Tiercel internal: heartbeat","field":{"rules_digest":")" + rules +
         R"(","attached_digest":")" + attached + R"(","uptime_s":")" + std::to_string(uptime_s) + R"("}}})";
}

}  // namespace

TEST_CASE("silence: an agent that says nothing for 25 s is told of once, until it speaks again") {
  Silence silence;
  CHECK(silence.look(100 * kSecondNs).empty());
  silence.heard("001", "one", kSecondNs);
  silence.heard("002", "two", kSecondNs);
  CHECK(silence.look(25 * kSecondNs).empty());
  silence.heard("002", "two", 25 * kSecondNs);
  auto found = silence.look(26 * kSecondNs);
  REQUIRE(found.size() == 1);
  CHECK(found[0].agent_id == "001");
  CHECK(found[0].rule == "Dev-manager: agent silent");
  CHECK(silence.look(40 * kSecondNs).empty());
  silence.heard("001", "one", 41 * kSecondNs);
  CHECK(silence.look(66 * kSecondNs).size() == 2);
}

TEST_CASE("silence: who said that it ends may be silent, until it starts anew") {
  Silence silence;
  silence.heard("001", "one", kSecondNs);
  silence.ended("001");
  silence.heard("001", "one", 2 * kSecondNs);  // what another worker still had in hand
  CHECK(silence.look(100 * kSecondNs).empty());
  silence.heard("001", "one", 101 * kSecondNs);
  silence.started("001");
  CHECK(silence.look(200 * kSecondNs).size() == 1);
}

TEST_CASE("silence: other hooks under the same rules are told of, other rules and another run are not") {
  Silence silence;
  silence.heard("001", "one", kSecondNs);
  silence.event("001", heartbeat("r1", "a1", 10));
  silence.event("001", heartbeat("r1", "a1", 20));
  silence.heard("001", "one", 12 * kSecondNs);
  silence.event("001", heartbeat("r2", "a1", 30));  // a reload
  silence.event("001", heartbeat("r2", "a2", 31));
  CHECK(silence.look(12 * kSecondNs).empty());
  silence.heard("001", "one", 22 * kSecondNs);
  silence.event("001", heartbeat("r2", "a3", 40));
  const auto found = silence.look(22 * kSecondNs);
  REQUIRE(found.size() == 1);
  CHECK(found[0].rule == "Dev-manager: agent's hooks changed");
  silence.event("001", heartbeat("r2", "a4", 3));  // it was started anew
  silence.event("001", R"(tiercel: {"tiercel":{"rule":"Another"}})");
  silence.event("001", R"(tiercel: {"rule":"Tiercel internal: heartbeat")");
  silence.event("001", "");
  CHECK(silence.look(22 * kSecondNs).empty());
}

TEST_CASE("silence: a finding is an event that the manager decodes") {
  Silence silence;
  silence.heard("001", "o\"ne", kSecondNs);
  const auto found = silence.look(100 * kSecondNs);
  REQUIRE(found.size() == 1);
  DevEvent event;
  event.text = text_of(found[0], 7, 1'700'000'000'000'000'000);
  const std::string_view json = tiercel_json(event);
  CHECK_FALSE(json.empty());
  CHECK(json.find(R"("rule":"Dev-manager: agent silent")") != std::string_view::npos);
}
