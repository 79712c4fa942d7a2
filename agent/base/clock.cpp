#include "agent/base/clock.h"

#include <ctime>

namespace tiercel {
namespace {

uint64_t read_ns(clockid_t id) {
  timespec ts{};
  ::clock_gettime(id, &ts);
  return static_cast<uint64_t>(ts.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(ts.tv_nsec);
}

}  // namespace

uint64_t SystemClock::boottime_ns() const {
  return read_ns(CLOCK_BOOTTIME);
}
uint64_t SystemClock::monotonic_ns() const {
  return read_ns(CLOCK_MONOTONIC);
}
uint64_t SystemClock::realtime_ns() const {
  return read_ns(CLOCK_REALTIME);
}

}  // namespace tiercel
