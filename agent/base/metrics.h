// Metrics: named counters that any thread may bump and one place can list. A counter lives as long as its registry.
// Names follow Prometheus: tiercel_<what>_total. Losses end in _lost_total.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

namespace tiercel {

class Counter {
 public:
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  void set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }  // for counts kept elsewhere (the kernel)
  [[nodiscard]] uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Metrics {
 public:
  // The counter of that name and label, made at the first call. The reference stays valid.
  Counter& counter(const std::string& name, const std::string& help, const std::string& label = {});
  void each(const std::function<void(const std::string& name, const std::string& help, const std::string& label,
                                     uint64_t value)>& visit) const;
  // Sum over all labels of a name.
  [[nodiscard]] uint64_t sum(const std::string& name) const;

 private:
  struct Entry {
    std::string name, help, label;
    Counter counter;
  };
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
};

}  // namespace tiercel
