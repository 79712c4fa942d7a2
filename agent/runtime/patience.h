// Patience: which sockets are to be left alone for now, since they did not answer in time. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "agent/base/clock.h"

namespace tiercel::runtime {

class Patience {
 public:
  static constexpr uint64_t kFirstNs = 1'000'000'000, kLongestNs = 60'000'000'000;

  explicit Patience(const Clock& clock) : clock_(clock) {}

  [[nodiscard]] bool may_ask(const std::string& socket) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = rests_.find(socket);
    return it == rests_.end() || clock_.monotonic_ns() >= it->second.until_ns;
  }

  void hung(const std::string& socket) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Rest& rest = rests_[socket];
    rest.next_ns = rest.next_ns == 0 ? kFirstNs : rest.next_ns >= kLongestNs / 2 ? kLongestNs : rest.next_ns * 2;
    rest.until_ns = clock_.monotonic_ns() + rest.next_ns;
  }

  void spoke(const std::string& socket) {
    const std::lock_guard<std::mutex> lock(mutex_);
    rests_.erase(socket);
  }

 private:
  struct Rest {
    uint64_t next_ns = 0, until_ns = 0;
  };
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Rest> rests_;  // of the sockets that are configured, so it stays small
};

}  // namespace tiercel::runtime
