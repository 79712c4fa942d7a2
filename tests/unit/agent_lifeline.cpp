// The time without an agent: how it ended, and from when to when, whatever was done to the clock.
#include "agent/lifeline.h"

#include <doctest/doctest.h>

#include <fstream>

#include "siem_support.h"

using namespace tiercel;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

}  // namespace

TEST_CASE("lifeline: the first agent on a host has no gap to tell") {
  siem::test::TempDir folder;
  FakeClock clock;
  Lifeline line;
  REQUIRE(line.open(folder / "lifeline", clock));
  CHECK_FALSE(line.gap());
  CHECK_FALSE(line.gap_report());
}

TEST_CASE("lifeline: killed, stopped, and from when to when") {
  siem::test::TempDir folder;
  FakeClock clock(100 * kSecondNs);
  {
    Lifeline line;
    REQUIRE(line.open(folder / "lifeline", clock));
    clock.advance_ms(5'000);
    line.touch(clock);
  }  // as after a kill: nothing is said at the end
  const uint64_t last_ns = clock.realtime_ns();
  clock.advance_ms(3'250);
  {
    Lifeline line;
    REQUIRE(line.open(folder / "lifeline", clock));
    REQUIRE(line.gap());
    CHECK(line.gap()->how == Lifeline::Gap::How::kKilled);
    CHECK(line.gap()->from_ns == last_ns);
    CHECK(line.gap()->to_ns == clock.realtime_ns());
    const auto report = line.gap_report();
    REQUIRE(report);
    CHECK(report->priority == Priority::kWarning);
    CHECK(report->message.find("3.250 s") != std::string::npos);
    line.end(clock);
  }
  clock.advance_ms(1'000);
  Lifeline line;
  REQUIRE(line.open(folder / "lifeline", clock));
  REQUIRE(line.gap());
  CHECK(line.gap()->how == Lifeline::Gap::How::kStopped);
  CHECK(line.gap_report()->priority == Priority::kNotice);
}

TEST_CASE("lifeline: a clock set back an hour does not change how long it was") {
  siem::test::TempDir folder;
  FakeClock before(100 * kSecondNs, 2'000'000 * kSecondNs);
  {
    Lifeline line;
    REQUIRE(line.open(folder / "lifeline", before));
  }
  FakeClock after(107 * kSecondNs, 2'000'000 * kSecondNs - 3'600 * kSecondNs);
  Lifeline line;
  REQUIRE(line.open(folder / "lifeline", after));
  REQUIRE(line.gap());
  CHECK(line.gap()->to_ns - line.gap()->from_ns == 7 * kSecondNs);
  CHECK(line.gap()->to_ns == after.realtime_ns());
}

TEST_CASE("lifeline: after a reboot the clock of the boot means nothing") {
  siem::test::TempDir folder;
  FakeClock before(5'000 * kSecondNs);
  {
    Lifeline line;
    REQUIRE(line.open(folder / "lifeline", before));
  }
  std::fstream file(folder / "lifeline", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8);
  file << "another boot";
  file.close();
  FakeClock after(10 * kSecondNs, 1'700'000'000'000'000'000 + 6'000 * kSecondNs);
  Lifeline line;
  REQUIRE(line.open(folder / "lifeline", after));
  REQUIRE(line.gap());
  CHECK(line.gap()->how == Lifeline::Gap::How::kRebooted);
  CHECK(line.gap()->from_ns == before.realtime_ns());
}

TEST_CASE("lifeline: what is no lifeline is no gap, and what is no file is an error") {
  siem::test::TempDir folder;
  FakeClock clock;
  std::ofstream(folder / "lifeline") << "something else";
  Lifeline line;
  REQUIRE(line.open(folder / "lifeline", clock));
  CHECK_FALSE(line.gap());
  std::filesystem::create_directory(folder / "folder");
  Lifeline other;
  CHECK_FALSE(other.open(folder / "folder", clock));
  CHECK_FALSE(other.open(folder / "no/such/folder", clock));
  other.touch(clock);  // without a file: nothing happens
  other.end(clock);
}
