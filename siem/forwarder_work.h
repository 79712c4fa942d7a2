// ForwarderWork: what a forwarder does, step by step and without a thread: reads, hands to the service, sends, settles.
// One thread uses it, but status() may come from any.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "siem/forwarder.h"
#include "siem/forwarder_losses.h"
#include "siem/forwarder_patience.h"
#include "siem/forwarder_places.h"

namespace tiercel::siem {

class ForwarderWork {
 public:
  // Adds its reader to the spool, with `wake`.
  ForwarderWork(Spool& spool, ForwarderOptions options, Service& service, Metrics& metrics, const Clock& clock,
                alert::Reports& reports, std::function<void()> wake, uint64_t seed);

  // Reads what there is and sends at most one request. When the next step is due (monotonic, ns); Service::kNever: when
  // the spool wakes.
  uint64_t step();
  // The end is near: everything is due, and nobody waits long for anything.
  void hurry();
  // After hurry(): there is nothing more to do, or nothing more to hope for.
  [[nodiscard]] bool finished() const { return hurried_ && (hopeless_ || (drained_ && nothing_due())); }
  void end();  // the last step was made
  [[nodiscard]] ForwarderStatus status() const;

 private:
  [[nodiscard]] bool nothing_due() const { return service_.due_ns() == Service::kNever; }
  bool read_lane(alert::Lane lane, uint64_t now_ns);
  void move_cursors();
  void send();
  void settle(const Attempt& attempt);
  void take_refused(const std::vector<RowId>& rows, const std::string& answer);
  void take_failure(const Attempt& attempt);
  [[nodiscard]] uint64_t next_ns(uint64_t now_ns) const;

  Spool& spool_;
  const ForwarderOptions options_;
  Service& service_;
  const Clock& clock_;
  Spool::ReaderId reader_ = 0;
  Counter& delivered_;
  Counter& lost_;
  Counter& errors_;
  Counter& requests_;
  Places places_;
  Patience patience_;
  RefusedAlerts refused_;
  bool drained_ = false;  // the spool has no more for now
  bool hurried_ = false;
  bool hopeless_ = false;
  bool asked_to_wait_ = false;
  bool failing_ = false;  // and the log says so
  mutable std::mutex mutex_;
  std::string last_answer_;  // this and the next two under mutex_
  uint64_t held_ = 0;
  bool open_ = false;
};

}  // namespace tiercel::siem
