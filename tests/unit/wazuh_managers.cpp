// How the sink behaves towards managers that refuse, in time that a test makes pass: never a tight loop.
#include "siem/wazuh/managers.h"

#include <doctest/doctest.h>

#include "siem/rate.h"

using namespace tiercel;
using namespace tiercel::wazuh;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

WazuhOptions options_for(size_t managers) {
  WazuhOptions options;
  for (size_t i = 0; i < managers; ++i) options.managers.push_back({"m" + std::to_string(i)});
  return options;
}

}  // namespace

TEST_CASE("wazuh managers: in turn, with a pause after each round that doubles up to a limit") {
  const WazuhOptions options = options_for(3);
  FakeClock clock;
  Managers managers(options, clock);
  std::vector<int> pauses;
  for (int i = 0; i < 27; ++i) {
    CHECK(managers.current().host == "m" + std::to_string(i % 3));
    managers.next();
    const int pause_ms = managers.pause_ms(0);
    if (i % 3 == 2)
      pauses.push_back(pause_ms);
    else
      CHECK(pause_ms == 0);
  }
  CHECK(pauses == std::vector<int>{1'000, 2'000, 4'000, 8'000, 15'000, 15'000, 15'000, 15'000, 15'000});
  managers.ready();
  CHECK(managers.pause_ms(0) == 1'000);
  // By chance up to a quarter less.
  for (uint32_t chance = 0; chance < 5'000; chance += 7) {
    managers.ready();
    const int pause_ms = managers.pause_ms(chance);
    CHECK(pause_ms <= 1'000);
    CHECK(pause_ms >= 750);
  }
}

TEST_CASE("wazuh managers: a reconnect that is asked for is made at once, not again and again") {
  const WazuhOptions options = options_for(1);
  FakeClock clock;
  Managers managers(options, clock);
  managers.asked_to_reconnect();
  CHECK(managers.pause_ms(0) == 0);
  managers.ready();
  managers.asked_to_reconnect();
  CHECK(managers.pause_ms(0) == 1'000);
  clock.advance_ms(11'000);
  managers.asked_to_reconnect();
  CHECK(managers.pause_ms(0) == 0);
}

TEST_CASE("wazuh managers: a manager that never takes the key is asked for one ever less often") {
  const WazuhOptions options = options_for(1);
  FakeClock clock;
  Managers managers(options, clock);
  // A day with a manager that closes every connection, and says to every enrolment that the key is good.
  uint64_t connections = 0, enrolments = 0, fast = 0;
  for (const uint64_t until_ns = clock.monotonic_ns() + 86'400 * kSecondNs; clock.monotonic_ns() < until_ns;) {
    ++connections;
    managers.key_unknown();
    if (managers.refused_often() && managers.may_enrol()) {
      ++enrolments;
      managers.enrolment_refused();
      CHECK_FALSE(managers.may_enrol());
    }
    managers.next();
    const int pause_ms = managers.pause_ms(0);
    if (pause_ms < 1'000) ++fast;
    clock.advance_ms(std::max(pause_ms, 1));
  }
  CHECK(fast == 0);
  CHECK(connections < 5'800);  // one in 15 s
  CHECK(enrolments < 300);     // one in 5 min
  CHECK(enrolments > 250);
  managers.ready();
  CHECK(managers.may_enrol());
}

TEST_CASE("wazuh managers: one that gives a new key each time and takes none") {
  const WazuhOptions options = options_for(1);
  FakeClock clock;
  Managers managers(options, clock);
  uint64_t connections = 0, enrolments = 0;
  for (const uint64_t until_ns = clock.monotonic_ns() + 86'400 * kSecondNs; clock.monotonic_ns() < until_ns;) {
    ++connections;
    managers.key_unknown();
    if (managers.refused_often() && managers.may_enrol()) {
      ++enrolments;
      managers.enrolled();
    }
    managers.next();
    clock.advance_ms(std::max(managers.pause_ms(0), 1));
  }
  CHECK(enrolments < 300);
  CHECK(enrolments > 200);
  CHECK(connections < 15'000);  // a fresh key is tried every 2 s for a minute
}

TEST_CASE("wazuh managers: a fresh key that is not known yet is no refusal") {
  const WazuhOptions options = options_for(1);
  FakeClock clock;
  Managers managers(options, clock);
  managers.enrolled();
  for (int i = 0; i < 20; ++i) CHECK_FALSE(managers.key_unknown());
  CHECK(managers.pause_ms(0) == 250);
  CHECK(managers.pause_ms(0) == 500);
  CHECK_FALSE(managers.refused_often());
  clock.advance_ms(61'000);
  for (int i = 0; i < Managers::kRefusalsMax; ++i) CHECK(managers.key_unknown());
  CHECK(managers.refused_often());
}

TEST_CASE("wazuh managers: refusals are counted for each manager, and enrolment can be off") {
  WazuhOptions options = options_for(2);
  options.enrol_if_needed = false;
  FakeClock clock;
  Managers managers(options, clock);
  for (int i = 0; i < Managers::kRefusalsMax; ++i) managers.key_unknown();
  CHECK(managers.refused_often());
  CHECK_FALSE(managers.may_enrol());
  managers.next();
  CHECK_FALSE(managers.refused_often());
}

TEST_CASE("wazuh managers: versions go down step by step, for each manager, and end") {
  WazuhOptions options = options_for(2);
  FakeClock clock;
  Managers managers(options, clock);
  CHECK(managers.version() == "v4.14.0");
  int steps = 0;
  while (managers.lower_version()) ++steps;
  CHECK(steps == 14);
  CHECK(managers.version() == "v4.0.0");
  CHECK(managers.version_lowered());
  managers.next();
  CHECK(managers.version() == "v4.14.0");
  options.version = "v4.9.2";
  options.version_pinned = true;
  Managers pinned(options, clock);
  CHECK_FALSE(pinned.lower_version());
  CHECK(pinned.version() == "v4.9.2");

  CHECK(lower_version("v4.14.7") == "v4.13.0");
  CHECK(lower_version("v4.1.0") == "v4.0.0");
  for (const char* none : {"v4.0.5", "v5.1.0", "4.3.0", "v4.3", "", "v4.3.0 ", "v4.99999.1.1"})
    CHECK_FALSE(lower_version(none).has_value());
}

TEST_CASE("wazuh rate: at most so many a second, evenly, with a small burst after a rest") {
  siem::TokenBucket none(0);
  none.take(5);
  CHECK(none.available(5) == SIZE_MAX);
  for (const uint32_t rate : {1u, 7u, 300u, 25'000u}) {
    siem::TokenBucket bucket(rate);
    uint64_t now_ns = 1'000 * kSecondNs, sent = 0;
    for (int step = 0; step < 40'000; ++step, now_ns += 250'000)  // 10 s
      for (size_t may = bucket.available(now_ns); may > 0; --may, ++sent) bucket.take(now_ns);
    const uint64_t most = uint64_t{rate} * 10 + std::max(1u, rate / 10) + 1;
    CHECK(sent <= most);
    CHECK(sent * 100 >= uint64_t{rate} * 10 * 95);
    CHECK(bucket.available(now_ns + 3'600 * kSecondNs) == std::max(1u, rate / 10));
    CHECK(bucket.next_ns() > now_ns - kSecondNs);
  }
}
