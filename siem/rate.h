// TokenBucket: at most so many per second, with a tenth of a second's worth at once. 0: no limit. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tiercel::siem {

class TokenBucket {
 public:
  explicit TokenBucket(uint32_t rate_max_per_s)
      : interval_ns_(rate_max_per_s == 0 ? 0 : std::max<uint64_t>(1, kSecondNs / rate_max_per_s)),
        burst_(std::max<uint64_t>(1, rate_max_per_s / 10)) {}

  // How many may go now.
  [[nodiscard]] size_t available(uint64_t now_ns) const {
    if (interval_ns_ == 0) return SIZE_MAX;
    if (now_ns < next_ns_) return 0;
    return static_cast<size_t>(std::min(burst_, (now_ns - next_ns_) / interval_ns_ + 1));
  }
  void take(uint64_t now_ns) {
    if (interval_ns_ == 0) return;
    // What was not used is forgotten, but for one burst.
    const uint64_t oldest_ns = now_ns - std::min(now_ns, (burst_ - 1) * interval_ns_);
    next_ns_ = std::max(next_ns_, oldest_ns) + interval_ns_;
  }
  // When there is one again.
  [[nodiscard]] uint64_t next_ns() const { return next_ns_; }

 private:
  static constexpr uint64_t kSecondNs = 1'000'000'000;
  uint64_t interval_ns_;
  uint64_t burst_;
  uint64_t next_ns_ = 0;
};

}  // namespace tiercel::siem
