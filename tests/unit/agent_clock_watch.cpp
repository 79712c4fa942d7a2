// A clock that somebody sets is told; one that runs, or is put right by little, is not.
#include "agent/clock_watch.h"

#include <doctest/doctest.h>

using namespace tiercel;

namespace {

struct SetClock final : Clock {
  uint64_t boot = 1'000'000'000'000, wall = 1'700'000'000'000'000'000;
  [[nodiscard]] uint64_t boottime_ns() const override { return boot; }
  [[nodiscard]] uint64_t monotonic_ns() const override { return boot; }
  [[nodiscard]] uint64_t realtime_ns() const override { return wall; }
  void run_s(uint64_t seconds) {
    boot += seconds * 1'000'000'000;
    wall += seconds * 1'000'000'000;
  }
};

}  // namespace

TEST_CASE("clock: set back an hour, told once, from when to when") {
  SetClock clock;
  ClockWatch watch;
  CHECK_FALSE(watch.look(clock));
  clock.run_s(3'600);
  CHECK_FALSE(watch.look(clock));
  clock.run_s(1);
  clock.wall -= 3'600'000'000'000;
  const auto report = watch.look(clock);
  REQUIRE(report);
  CHECK(report->message ==
        "the clock of this host was set back by 3600.000 s, from 2023-11-14T23:13:21.000000000Z to "
        "2023-11-14T22:13:21.000000000Z");
  CHECK(std::get<int64_t>(report->fields[2].second.value) == -3'600'000);
  clock.run_s(1);
  CHECK_FALSE(watch.look(clock));
  clock.wall += 4'900'000'000;  // put right
  CHECK_FALSE(watch.look(clock));
  clock.wall += 5'000'000'000;
  CHECK(watch.look(clock)->message.find("forward by 5.000 s") != std::string::npos);
}
