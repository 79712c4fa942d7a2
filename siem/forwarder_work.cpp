#include "siem/forwarder_work.h"

#include <algorithm>
#include <utility>

#include "agent/base/log.h"

namespace tiercel::siem {
namespace {

using alert::Lane;

constexpr size_t kRowsAtOnce = 64;
constexpr size_t kBatchesOfStep = 32;  // then it is the service's turn
constexpr uint64_t kNsPerMs = 1'000'000;

Counter& counter(Metrics& metrics, const char* what, const char* help, const std::string& output) {
  return metrics.counter(std::string("tiercel_output_") + what + "_total", help, output);
}

}  // namespace

ForwarderWork::ForwarderWork(Spool& spool, ForwarderOptions options, Service& service, Metrics& metrics,
                             const Clock& clock, alert::Reports& reports, std::function<void()> wake, uint64_t seed)
    : spool_(spool),
      options_(std::move(options)),
      service_(service),
      clock_(clock),
      delivered_(counter(metrics, "delivered", "Alerts that an output delivered", options_.name)),
      lost_(counter(metrics, "lost", "Alerts that an output could not deliver and gave up", options_.name)),
      errors_(counter(metrics, "errors", "Attempts of an output that failed and were repeated", options_.name)),
      requests_(counter(metrics, "requests", "Attempts of an output, those that failed included", options_.name)),
      patience_({options_.retry_ms_min, options_.retry_ms_max, options_.breaker_failures}, seed),
      refused_(options_.name, reports) {
  reader_ = spool_.add_reader({.name = options_.name,
                               .wake = std::move(wake),
                               .takes_routine = options_.takes_routine,
                               .keeps_place = true,
                               .parts = options_.parts});
}

// Some rows of a lane. True: there may be more, and room for them.
bool ForwarderWork::read_lane(Lane lane, uint64_t now_ns) {
  const size_t held = places_.held(lane);
  if (held >= options_.held_rows_max) return false;
  const size_t most = std::min(kRowsAtOnce, options_.held_rows_max - held);
  const std::vector<Row> rows = spool_.read(reader_, lane, places_.read_to(lane), most);
  for (const Row& row : rows) {
    const RowId id{lane, row.seq};
    if (!alert::wanted(*row.alert, options_.least_priority, options_.condition)) {
      places_.passed(id);
      continue;
    }
    places_.read(id, row.alert->rule);
    service_.take(id, row.alert, now_ns);
  }
  return !rows.empty();
}

void ForwarderWork::move_cursors() {
  for (const Lane lane : {Lane::kCritical, Lane::kRest})
    if (const auto cursor = places_.take_cursor(lane)) spool_.confirm(reader_, lane, *cursor);
  const std::lock_guard lock(mutex_);
  held_ = places_.held();
  open_ = patience_.open();
}

uint64_t ForwarderWork::step() {
  const uint64_t begun_ns = clock_.monotonic_ns();
  drained_ = false;
  for (size_t i = 0; i < kBatchesOfStep && !drained_; ++i)
    drained_ = !read_lane(Lane::kCritical, begun_ns) && !read_lane(Lane::kRest, begun_ns);
  if (std::max(service_.due_ns(), patience_.next_ns()) <= begun_ns && !hopeless_) send();
  const uint64_t now_ns = clock_.monotonic_ns();
  refused_.tell(now_ns);
  move_cursors();
  return next_ns(now_ns);
}

uint64_t ForwarderWork::next_ns(uint64_t now_ns) const {
  if (!drained_) return now_ns;
  const uint64_t due_ns = service_.due_ns();
  const uint64_t attempt_ns = due_ns == Service::kNever ? Service::kNever : std::max(due_ns, patience_.next_ns());
  return std::min(attempt_ns, refused_.due_ns());
}

void ForwarderWork::send() {
  const Attempt attempt = service_.send(clock_.monotonic_ns());
  requests_.add();
  {
    const std::lock_guard lock(mutex_);
    last_answer_ = attempt.answer;
  }
  if (attempt.result == Attempt::Result::kRetry)
    take_failure(attempt);
  else
    settle(attempt);
}

void ForwarderWork::settle(const Attempt& attempt) {
  if (attempt.result == Attempt::Result::kTaken) {
    for (const RowId& row : attempt.settled)
      if (places_.settle(row)) delivered_.add();
  } else {
    take_refused(attempt.settled, attempt.answer);
  }
  take_refused(attempt.refused, attempt.answer);
  if (attempt.settled.empty() && attempt.refused.empty()) return;  // it tells nothing about the service
  drained_ = false;                                                // there may be room for more
  asked_to_wait_ = false;
  patience_.answered();
  if (std::exchange(failing_, false)) log::info("the output {} takes alerts again", options_.name);
}

void ForwarderWork::take_refused(const std::vector<RowId>& rows, const std::string& answer) {
  for (const RowId& row : rows)
    if (const auto rule = places_.settle(row)) {
      lost_.add();
      refused_.add(*rule, answer);
    }
}

void ForwarderWork::take_failure(const Attempt& attempt) {
  errors_.add();
  const uint64_t now_ns = clock_.monotonic_ns();
  asked_to_wait_ = attempt.retry_after_ms > 0;
  const bool opened = patience_.failed(now_ns, attempt.retry_after_ms);
  if (hurried_) {
    hopeless_ = asked_to_wait_ || patience_.open();
    patience_.wait_at_most(now_ns + static_cast<uint64_t>(options_.retry_ms_min) * kNsPerMs);
  }
  if (opened)
    log::error(
        "the output {} failed {} times in a row ({}): one attempt every {} s until it works; alerts wait in the spool",
        options_.name, patience_.failures(), attempt.answer, options_.retry_ms_max / 1'000);
  else if (!asked_to_wait_ && !hurried_ && !std::exchange(failing_, true))
    log::warning("the output {} does not take alerts ({}): they wait in the spool until it does", options_.name,
                 attempt.answer);
}

void ForwarderWork::hurry() {
  if (std::exchange(hurried_, true)) return;
  const uint64_t now_ns = clock_.monotonic_ns();
  hopeless_ = asked_to_wait_ && patience_.next_ns() > now_ns;
  patience_.wait_at_most(now_ns);
  service_.hurry();
}

void ForwarderWork::end() {
  refused_.tell(clock_.monotonic_ns(), true);
}

ForwarderStatus ForwarderWork::status() const {
  ForwarderStatus s;
  s.name = options_.name;
  s.taken = delivered_.value();
  s.refused = lost_.value();
  s.failures = errors_.value();
  s.requests = requests_.value();
  const std::lock_guard lock(mutex_);
  s.held = held_;
  s.open = open_;
  s.last_answer = last_answer_;
  return s;
}

}  // namespace tiercel::siem
