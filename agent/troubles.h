// What is wrong with an agent at present, each with the way out: the one list that `tiercel status` ends by and
// `tiercel top` shows. Pure; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/metrics.h"
#include "agent/status.h"

namespace tiercel {

// Sentences for people, the worst first; empty: all is well. Losses count while they are recent, all else while it
// lasts.
[[nodiscard]] std::vector<std::string> troubles_of(const Status& status);

// How much was lost in the last minutes. note() from one thread, once a second; count() from any.
class RecentLosses {
 public:
  static constexpr uint64_t kSpanS = 300;
  void note(const Metrics& metrics, uint64_t kernel_lost, uint64_t now_ns);
  [[nodiscard]] uint64_t count() const { return count_; }

 private:
  std::deque<std::pair<uint64_t, uint64_t>> marks_;  // when, all that was lost until then; one every ten seconds
  std::atomic<uint64_t> count_{0};
};

}  // namespace tiercel
