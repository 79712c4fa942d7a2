// Clock: the one seam to time. SystemClock is the real one; FakeClock moves only when told to. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace tiercel {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual uint64_t boottime_ns() const = 0;   // CLOCK_BOOTTIME: what bpf_ktime_get_boot_ns() gives
  [[nodiscard]] virtual uint64_t monotonic_ns() const = 0;  // CLOCK_MONOTONIC: for timeouts
  [[nodiscard]] virtual uint64_t realtime_ns() const = 0;   // CLOCK_REALTIME: for people
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] uint64_t boottime_ns() const override;
  [[nodiscard]] uint64_t monotonic_ns() const override;
  [[nodiscard]] uint64_t realtime_ns() const override;
};

class FakeClock final : public Clock {
 public:
  explicit FakeClock(uint64_t now_ns = 1'000'000'000, uint64_t realtime_offset_ns = 1'700'000'000'000'000'000)
      : now_ns_(now_ns), realtime_offset_ns_(realtime_offset_ns) {}
  void advance_ns(uint64_t ns) { now_ns_ += ns; }
  void advance_ms(uint64_t ms) { now_ns_ += ms * 1'000'000; }
  [[nodiscard]] uint64_t boottime_ns() const override { return now_ns_; }
  [[nodiscard]] uint64_t monotonic_ns() const override { return now_ns_; }
  [[nodiscard]] uint64_t realtime_ns() const override { return now_ns_ + realtime_offset_ns_; }

 private:
  std::atomic<uint64_t> now_ns_;
  uint64_t realtime_offset_ns_;
};

}  // namespace tiercel
