// Forwarder: the sink of a service that is far away (Slack, Security Hub, any URL, a syslog server, a program). It owns
// the thread, the reader and its place in the spool, the waiting after failures and the counters; a Service says what
// is peculiar to its kind: how alerts become requests, and what an answer means.
//
//   spool ─rows─► Service::take() ... Service::send() ─settled rows─► the cursor moves past what is settled
//
// A row is settled when the service has it (tiercel_output_delivered_total, label = name), or refused it for good
// (tiercel_output_lost_total; logged; reported as "Tiercel internal: alerts lost", at once and then once a minute). The
// place in the spool is before the first row that is not settled: from there rows are read again after a restart, so a
// few may come twice. Rows below the priority, or that the condition refuses, are passed by.
//
// After a failure (tiercel_output_errors_total) the next attempt waits: as long as the service asked for, or else a
// back-off that doubles with full jitter. After breaker_failures in a row the breaker is open: one attempt each
// retry_ms_max, until one is answered; told once in the log and in status(). A service that asks to wait is well: it
// does not open the breaker. A service that hangs holds up its own alerts only.
//
// stop(): what waits for a window or a batch is due; what there is is sent while the service takes it and time is left;
// then a send() that runs is ended. What was not settled stays in the spool.
//
// Threads: construct, start(), stop() on the owner's; status() from any; a Service's functions run on the forwarder's
// thread only, but stop(), which comes from any thread and ends a send() that runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/alert/alert.h"
#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "siem/sink.h"
#include "siem/spool.h"

namespace tiercel::siem {

struct RowId {
  alert::Lane lane = alert::Lane::kRest;
  uint64_t seq = 0;
};

// What came of one request.
struct Attempt {
  enum class Result : uint8_t {
    kTaken,    // the service has what `settled` names
    kRefused,  // it will never take what `settled` names: lost
    kRetry,    // nothing is settled: later again
  };
  Result result = Result::kRetry;
  std::vector<RowId> settled = {};
  std::vector<RowId> refused = {};  // kTaken: of the same request, what it will never take
  int retry_after_ms = 0;           // kRetry: what the service asked for; 0: it did not say
  std::string answer;               // for a person: "HTTP 429 Too Many Requests". Never a secret
};

class Service {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;
  virtual ~Service() = default;

  // Takes a copy of the row into its queue, its folds or its batch. Does not block.
  virtual void take(RowId id, const alert::AlertPtr& alert, uint64_t now_ns) = 0;
  // When there is something to send (monotonic, ns); kNever: nothing waits.
  [[nodiscard]] virtual uint64_t due_ns() const = 0;
  // One request with what is due. Blocks, for a bounded time.
  virtual Attempt send(uint64_t now_ns) = 0;
  // The end is near: what waits for a window to close is due now.
  virtual void hurry() {}
  // Ends a send() that runs and makes later ones fail at once.
  virtual void stop() = 0;
};

struct ForwarderOptions {
  std::string name;
  alert::Priority least_priority = alert::Priority::kDebug;
  uint64_t condition = 0;      // of Alert::refused_by; 0: none
  uint8_t parts = kEventJson;  // of the spool's Parts
  bool takes_routine = false;
  size_t held_rows_max = 10'000;  // rows of a lane that the service may hold unsettled
  int retry_ms_min = 250;
  int retry_ms_max = 60'000;
  unsigned breaker_failures = 5;
};

struct ForwarderStatus {
  std::string name;
  uint64_t taken = 0, refused = 0, failures = 0, requests = 0;  // alerts, alerts, attempts, attempts
  uint64_t held = 0;                                            // alerts that were read and are not settled
  bool open = false;                                            // the breaker
  std::string last_answer;
};

class Forwarder : public Sink {
 public:
  [[nodiscard]] virtual ForwarderStatus status() const = 0;
};

std::unique_ptr<Forwarder> make_forwarder(Spool& spool, ForwarderOptions options, std::unique_ptr<Service> service,
                                          Metrics& metrics, const Clock& clock, alert::Reports& reports);

}  // namespace tiercel::siem
