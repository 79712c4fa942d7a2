// Is the agent well? Two questions with different consequences (docs/metrics.md):
//   live   no: a restart would help. The deciding thread stands still, or the kernel no longer tells of processes.
//   ready  no: something is not seen or not safe, and a restart would not help or even cost more: records were lost
//          within the last minute, the spool is in memory only, no manager ever answered.
// What is neither (a manager that is away for longer than 5 minutes: alerts wait on the disk; rules that were refused)
// makes the agent degraded, which only the text says. Pure but for RecentLosses; any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace tiercel::health {

// Losses of the last minute. One thread notes, any asks.
class RecentLosses {
 public:
  static constexpr uint64_t kWindowNs = 60'000'000'000;
  // total: since the start. Cheap while it does not grow.
  void note(uint64_t now_ns, uint64_t total);
  [[nodiscard]] uint64_t within(uint64_t now_ns) const;

 private:
  mutable std::mutex mutex_;
  uint64_t total_ = 0;
  std::deque<std::pair<uint64_t, uint64_t>> grown_;  // when, by how much; of the last minute
};

// What is known at the time of the question.
struct Signs {
  uint64_t uptime_s = 0;
  bool watching = false;        // the kernel's programs are attached and the loop runs
  uint64_t since_tick_s = 0;    // of the deciding thread, which ticks each second
  std::string self_test;        // passed, failed, unknown
  uint64_t lost_in_kernel = 0;  // within the last minute
  uint64_t lost_behind = 0;     // likewise: malformed, in the spool, at outputs
  bool spool_on_disk = false;
  uint64_t spool_waiting = 0;
  bool manager_configured = false, manager_connected = false;
  bool manager_answered = false;  // since the start
  uint64_t manager_silent_s = 0;  // since its last acknowledgement
  uint64_t rules_active = 0;
  std::string rules_refused;  // why those on the disk do not run; empty: they do
};

enum class State : uint8_t { kOk, kDegraded, kNotReady, kDead };

struct Check {
  std::string name;
  State state = State::kOk;
  std::string detail;
};

struct Verdict {
  std::vector<Check> checks;
  [[nodiscard]] State worst() const;
  [[nodiscard]] bool live() const { return worst() != State::kDead; }
  [[nodiscard]] bool ready() const { return worst() <= State::kDegraded; }
  // {"status":"ok","live":true,"ready":true,"checks":[{"name":"...","state":"ok","detail":"..."}]}
  [[nodiscard]] std::string json() const;
};

inline constexpr uint64_t kTickPatienceS = 30;
inline constexpr uint64_t kStartPatienceS = 120;
inline constexpr uint64_t kManagerPatienceS = 300;

[[nodiscard]] Verdict judge(const Signs& signs);

}  // namespace tiercel::health
