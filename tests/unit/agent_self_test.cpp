#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "agent/base/canary_calls.h"
#include "agent/self_test.h"
#include "decoders/encode.h"

using namespace tiercel;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

struct Host {
  std::vector<std::string> started;
  bool tells = true, starts = true;
  SelfTest test{[this](const std::string& name) -> Result<> {
    if (!starts) return fail("no room for a process", Fault::kHost);
    started.push_back(name);
    return {};
  }};
  uint64_t now_ns = 100 * kSecond, lost = 0;
  std::vector<alert::Report> reports;

  Host() { test.set_interval_s(60); }
  void end_of(const std::string& name) {
    decoders::RecordBuilder<ev_exit> record(EVT_procexit);
    name.copy(record->head.comm, sizeof record->head.comm - 1);
    test.see(record.bytes());
  }
  void run(unsigned seconds) {
    for (unsigned i = 0; i < seconds; ++i, now_ns += kSecond) {
      const size_t before = started.size();
      if (auto report = test.look(now_ns, lost)) reports.push_back(std::move(*report));
      if (tells && started.size() > before) end_of(started.back());
    }
  }
};

}  // namespace

TEST_CASE("self-test: each minute a child of its own name, and silence as long as it is told of") {
  Host host;
  host.run(600);
  CHECK(host.started.size() == 10);
  CHECK(host.started[0] != host.started[1]);
  CHECK(host.started[0].size() == 15);
  CHECK(host.reports.empty());
  CHECK(host.test.state() == SelfTest::State::kPassed);
}

TEST_CASE("self-test: a child that is not told of is a critical report, now and then, until one is told of") {
  Host host;
  host.run(61);
  host.tells = false;
  host.run(70);
  REQUIRE(host.reports.size() == 1);
  CHECK(host.reports[0].priority == Priority::kCritical);
  CHECK(host.reports[0].rule == kSelfTestRule);
  CHECK(std::get<std::string>(host.reports[0].fields[0].second.value) == "failed");
  CHECK(host.test.state() == SelfTest::State::kFailed);
  CHECK(host.test.went_blind());
  host.run(700);
  CHECK(host.reports.size() == 2);  // one a minute would only be noise
  host.tells = true;
  host.run(130);
  REQUIRE(host.reports.size() == 3);
  CHECK(std::get<std::string>(host.reports[2].fields[0].second.value) == "passed");
  CHECK(std::get<uint64_t>(host.reports[2].fields[1].second.value) > 700);
  CHECK(host.test.state() == SelfTest::State::kPassed);
  CHECK_FALSE(host.test.went_blind());
  host.run(600);
  CHECK(host.reports.size() == 3);
}

TEST_CASE("self-test: other processes and other events do not stand for the child") {
  Host host;
  host.tells = false;
  host.run(2);
  REQUIRE(host.started.size() == 1);
  host.end_of("t00000000000000");
  host.end_of(host.started[0].substr(0, 14));
  decoders::RecordBuilder<ev_exec> other(EVT_execve);
  host.started[0].copy(other->head.comm, sizeof other->head.comm - 1);
  host.test.see(other.bytes());
  host.run(10);
  CHECK(host.test.state() == SelfTest::State::kFailed);
  CHECK_FALSE(host.test.went_blind());  // it never saw: a new start would not help
}

TEST_CASE("self-test: a child that may be among the lost records proves nothing") {
  Host host;
  host.tells = false;
  host.run(2);
  host.lost = 1;
  host.run(5);
  CHECK(host.reports.empty());
  CHECK(host.started.size() == 2);  // asked again at once
  host.run(8);
  CHECK(host.reports.size() == 1);  // nothing was lost this time
}

TEST_CASE("self-test: no child, no verdict; none where it is switched off") {
  Host host;
  host.starts = false;
  host.run(300);
  CHECK(host.reports.empty());
  CHECK(host.test.state() == SelfTest::State::kUnknown);
  host.starts = true;
  host.test.set_interval_s(0);
  host.run(300);
  CHECK(host.started.empty());
}

TEST_CASE("self-test: the real child is gone when it is said to be started") {
  for (int i = 0; i < 50; ++i) CHECK(start_canaries("t0123456789abcd", {}).has_value());
}
