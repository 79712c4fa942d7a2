// Patience: when a forwarder tries again. A back-off that doubles, with full jitter (a random part of it, so that the
// agents of many hosts do not come back at once); what the service itself asked for goes before it; and a breaker that
// opens after so many failures in a row. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

namespace tiercel::siem {

class Patience {
 public:
  struct Options {
    int retry_ms_min = 250;
    int retry_ms_max = 60'000;
    unsigned breaker_failures = 5;
  };
  Patience(Options options, uint64_t seed) : options_(options), random_(seed) {}

  // The service answered. True: the breaker was open and is not any more.
  bool answered();
  // An attempt failed. True: this one opened the breaker. A service that says when to come (retry_after_ms > 0) is
  // well.
  bool failed(uint64_t now_ns, int retry_after_ms);

  [[nodiscard]] bool open() const { return failures_ >= options_.breaker_failures; }
  [[nodiscard]] unsigned failures() const { return failures_; }  // in a row
  [[nodiscard]] uint64_t next_ns() const { return next_ns_; }    // no attempt before it; 0: at once
  void wait_at_most(uint64_t until_ns) { next_ns_ = std::min(next_ns_, until_ns); }

 private:
  [[nodiscard]] uint64_t wait_ms();

  Options options_;
  std::mt19937_64 random_;
  unsigned failures_ = 0;
  uint64_t next_ns_ = 0;
};

}  // namespace tiercel::siem
