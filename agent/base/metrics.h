// Metrics: named counters that any thread may bump and one place can list. A counter lives as long as its registry.
// Names follow Prometheus: tiercel_<what>_total, losses end in _lost_total; a name that does not end in _total is of
// something that also falls. Where the concept is Falco's so is the name: falcosecurity_... (docs/metrics.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

class Counter {
 public:
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  void set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }  // for counts kept elsewhere (the kernel)
  [[nodiscard]] uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct Label {
  std::string key;
  std::string value;
  bool operator==(const Label&) const = default;
};

// What tells the counters of one name apart. A text alone is the name of an output.
class Labels {
 public:
  Labels() = default;
  Labels(std::initializer_list<Label> labels) : labels_(labels) {}
  explicit Labels(std::vector<Label> labels) : labels_(std::move(labels)) {}
  Labels(std::string output);  // NOLINT(google-explicit-constructor): most counters with a label are an output's
  Labels(const char* output) : Labels(std::string(output)) {}  // NOLINT(google-explicit-constructor): likewise

  [[nodiscard]] const std::vector<Label>& all() const { return labels_; }
  // Empty if there is none of that key.
  [[nodiscard]] std::string_view value(std::string_view key) const;
  bool operator==(const Labels&) const = default;

 private:
  std::vector<Label> labels_;
};

class Metrics {
 public:
  // Of one name. What comes beyond is counted together, with "other" for each label: sums stay right, and whoever
  // writes the names of rules does not decide about our memory.
  static constexpr size_t kLabelSetsMax = 1'000;

  // The counter of that name and labels, made at the first call. The reference stays valid.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  void each(const std::function<void(const std::string& name, const std::string& help, const Labels& labels,
                                     uint64_t value)>& visit) const;
  // Sum over all labels of a name.
  [[nodiscard]] uint64_t sum(const std::string& name) const;

 private:
  struct Entry {
    Labels labels;
    Counter counter;
  };
  struct Family {
    std::string help;
    std::deque<Entry> entries;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;
};

}  // namespace tiercel
