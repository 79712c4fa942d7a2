#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "agent/base/canary_calls.h"
#include "agent/canary.h"
#include "decoders/catalog.h"
#include "decoders/encode.h"

using namespace tiercel;

namespace {

struct StillClock final : Clock {
  [[nodiscard]] uint64_t realtime_ns() const override { return 0; }
  [[nodiscard]] uint64_t monotonic_ns() const override { return 0; }
  [[nodiscard]] uint64_t boottime_ns() const override { return 5'000; }
};

struct Host {
  static constexpr pid_t kPid = 77;
  Metrics metrics;
  StillClock clock;
  std::set<uint16_t> wanted{EVT_openat, EVT_connect, EVT_setns};
  std::set<uint16_t> silent;
  std::vector<uint16_t> called;
  std::string name;
  bool starts = true;
  size_t proofs = 0;
  uint64_t lost = 0;
  std::vector<alert::Report> reports;
  Canaries canaries{[this](const std::string& child, std::span<const uint8_t> calls) -> Result<pid_t> {
                      if (!starts && !calls.empty()) return fail("the broker has ended");
                      name = child;
                      called.clear();
                      for (const uint8_t call : calls)
                        called.push_back(decoders::event_by_name(canary_calls()[call].event)->type);
                      return kPid;
                    },
                    metrics};

  Host() {
    canaries.on_wanted([this](uint16_t type) { return wanted.contains(type); });
    canaries.on_prove([this](std::span<const std::byte>) { return ++proofs > 0; });
  }
  bool record(uint16_t type, const std::string& comm, uint32_t pid = kPid) {
    decoders::RecordBuilder<ev_call> made(type);
    comm.copy(made->head.comm, sizeof made->head.comm - 1);
    made->head.pid = pid;
    made->head.time_ns = 1'000;
    return canaries.see(made.bytes(), clock);
  }
  void look() {
    for (alert::Report& report : canaries.look(lost)) reports.push_back(std::move(report));
  }
  // One child: what it does is told, but for what is silent; then its end; then it is judged.
  void round(const std::string& child = "t0123456789abcd", uint64_t lost_meanwhile = 0) {
    REQUIRE(canaries.begin(child));
    look();
    for (const uint16_t type : called)
      if (!silent.contains(type)) CHECK(record(type, name));
    CHECK_FALSE(record(EVT_procexit, name));
    lost += lost_meanwhile;
    look();
  }
};

}  // namespace

TEST_CASE("canaries: each line of the table names an event, and no event twice") {
  std::set<std::string> names;
  for (const CanaryCall& call : canary_calls()) {
    CAPTURE(call.event);
    CHECK(decoders::event_by_name(call.event) != nullptr);
    CHECK(names.insert(call.event).second);
  }
  CHECK(canary_calls().size() < 256);
}

TEST_CASE("canaries: what rules ask for is tried, and nobody else sees it") {
  Host host;
  host.round();
  CHECK(std::set<uint16_t>(host.called.begin(), host.called.end()) == host.wanted);
  CHECK(host.canaries.counts().heard == 3);
  CHECK(host.proofs == 1);
  CHECK(host.canaries.counts().latency_ns == 4'000);
  CHECK(host.reports.empty());
  REQUIRE(host.canaries.proof());
  CHECK(host.canaries.proof()->routine);
}

TEST_CASE("canaries: another process of that name, and that pid after its end, are no canaries") {
  Host host;
  REQUIRE(host.canaries.begin("t0123456789abcd"));
  CHECK_FALSE(host.record(EVT_openat, "t0123456789abcd", 78));
  CHECK_FALSE(host.record(EVT_openat, "t0123456789abce"));
  CHECK_FALSE(host.record(EVT_unlink, "t0123456789abcd"));  // was not asked for
  CHECK(host.record(EVT_openat, "t0123456789abcd"));
  CHECK_FALSE(host.record(EVT_procexit, "t0123456789abcd"));
  CHECK_FALSE(host.record(EVT_connect, "t0123456789abcd"));
}

TEST_CASE("canaries: a hook that told and does not twice in a row is deaf, until it tells again") {
  Host host;
  host.round();
  host.silent = {EVT_connect};
  host.round();
  CHECK(host.reports.empty());
  CHECK(host.canaries.take_doubt());
  CHECK_FALSE(host.canaries.take_doubt());
  host.round();
  REQUIRE(host.reports.size() == 1);
  CHECK(host.reports[0].priority == Priority::kCritical);
  CHECK(host.reports[0].rule == kDeafRule);
  CHECK(host.reports[0].message.find("connect") != std::string::npos);
  CHECK(host.canaries.counts().deaf == std::vector<std::string>{"connect"});
  host.round();
  CHECK(host.reports.size() == 1);
  host.silent = {};
  host.round();
  REQUIRE(host.reports.size() == 2);
  CHECK(host.reports[1].priority == Priority::kWarning);
  CHECK(host.canaries.counts().deaf.empty());
}

TEST_CASE("canaries: one that stays away beside a loss, or that never came, proves nothing") {
  Host host;
  host.silent = {EVT_setns};
  for (int i = 0; i < 5; ++i) host.round();
  CHECK(host.canaries.counts().silent == 1);
  host.silent = {EVT_setns, EVT_connect};
  for (int i = 0; i < 5; ++i) host.round("t0123456789abcd", 1);
  CHECK(host.reports.empty());
  CHECK_FALSE(host.canaries.take_doubt());
}

TEST_CASE("canaries: without a broker nobody tries and nobody is deaf; what rules ask for no more is not deaf either") {
  Host host;
  host.round();
  host.starts = false;
  for (int i = 0; i < 3; ++i) host.round();
  CHECK(host.reports.empty());
  host.starts = true;
  host.silent = {EVT_connect};
  host.wanted.erase(EVT_connect);
  for (int i = 0; i < 3; ++i) host.round();
  CHECK(host.reports.empty());
  CHECK(host.canaries.counts().heard == 2);
}

TEST_CASE("canaries: the calls leave nothing behind, and each fails or changes nothing") {
  std::vector<uint8_t> all;
  for (size_t at = 0; at < canary_calls().size(); ++at) {
    const std::string event = canary_calls()[at].event;
    // What would need a namespace of its own is tried live (tests/kernel/test_canary.py).
    if (event != "setsid") all.push_back(static_cast<uint8_t>(at));
  }
  CHECK(start_canaries("t0123456789abcd", all).has_value());
  const uint8_t beyond = 255;
  CHECK_FALSE(start_canaries("t0123456789abcd", {&beyond, 1}).has_value());
}
