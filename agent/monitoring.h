// Monitoring: /metrics and /healthz of the running agent (docs/metrics.md). Both are made of one look at the agent's
// status, four times a second at most however many ask, on the server's own thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "agent/config/config.h"
#include "agent/health/exposition.h"
#include "agent/health/health.h"
#include "agent/health/page_server.h"
#include "agent/status.h"

namespace tiercel {

class Monitoring {
 public:
  using Look = std::function<Status()>;
  Monitoring(const config::Metrics& config, Metrics& metrics, const Clock& clock);
  ~Monitoring();
  Monitoring(const Monitoring&) = delete;
  Monitoring& operator=(const Monitoring&) = delete;

  // look: called on the server's thread. An address that cannot be listened on is told in the log and nothing else: a
  // host that is watched without metrics is better than one that is not watched.
  void start(Look look);
  // Each second, deciding thread; the first one says that the agent watches.
  void tick(uint64_t kernel_lost);
  // Nothing is asked of `look` afterwards. Idempotent.
  void stop();

 private:
  struct Snapshot {
    uint64_t taken_ns = 0;
    Status status;
    health::Verdict verdict;
  };
  const Snapshot& snapshot();
  [[nodiscard]] health::Signs signs(const Status& status) const;
  health::Page metrics_page();
  health::Page health_page(const std::string& query);

  const config::Metrics& config_;
  Metrics& metrics_;
  const Clock& clock_;
  Look look_;
  std::unique_ptr<health::PageServer> server_;
  health::RecentLosses in_kernel_, behind_;
  std::atomic<uint64_t> ticked_ns_{0};  // monotonic; 0: not yet
  Snapshot snapshot_;                   // the server's thread's
};

// What the page shows besides the registry's counters.
[[nodiscard]] std::vector<health::Family> families_of_status(const Status& status, const health::Verdict& verdict);

}  // namespace tiercel
