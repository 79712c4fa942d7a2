// Ages: from when on rows are too old to be kept. Looked at once a minute, and only while the clock is steady: one that
// was just put right must not make everything old at once. One thread.
#pragma once

#include <cstdint>

#include "agent/base/clock.h"

namespace tiercel::siem {

class Ages {
 public:
  // age_s_max 0: no limit
  Ages(uint64_t age_s_max, const Clock& clock) : age_s_max_(age_s_max), clock_(clock) {}

  // Rows from before it go; 0: none, now.
  uint64_t older_than_ns() {
    const uint64_t now_ns = clock_.monotonic_ns();
    const uint64_t offset_ns = clock_.realtime_ns() - clock_.boottime_ns();
    if (offset_ns - wall_offset_ns_ + kJumpNs > 2 * kJumpNs) {
      wall_offset_ns_ = offset_ns;
      steady_since_ns_ = now_ns;
    }
    if (age_s_max_ == 0 || now_ns < looked_ns_ + kEveryNs || now_ns < steady_since_ns_ + kSteadyNs) return 0;
    looked_ns_ = now_ns;
    const uint64_t age_ns = age_s_max_ * kSecondNs, wall_ns = clock_.realtime_ns();
    return wall_ns > age_ns ? wall_ns - age_ns : 0;
  }

 private:
  static constexpr uint64_t kSecondNs = 1'000'000'000;
  static constexpr uint64_t kEveryNs = 60 * kSecondNs;
  static constexpr uint64_t kSteadyNs = 600 * kSecondNs;
  static constexpr uint64_t kJumpNs = 60 * kSecondNs;

  const uint64_t age_s_max_;
  const Clock& clock_;
  uint64_t looked_ns_ = 0;
  uint64_t wall_offset_ns_ = clock_.realtime_ns() - clock_.boottime_ns();  // a jump of it suspends the limit
  uint64_t steady_since_ns_ = clock_.monotonic_ns();
};

}  // namespace tiercel::siem
