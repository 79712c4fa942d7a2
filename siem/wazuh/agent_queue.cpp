#include "siem/wazuh/agent_queue.h"

#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <utility>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/unix_socket.h"
#include "siem/reader_thread.h"
#include "siem/wazuh/event_text.h"

namespace tiercel::wazuh {
namespace {

class AgentQueueSink final : public siem::Sink {
 public:
  AgentQueueSink(siem::Spool& spool, AgentQueueOptions options, Metrics& metrics)
      : options_(std::move(options)),
        errors_(metrics.counter("tiercel_output_errors_total", "Attempts of an output that failed and were repeated",
                                options_.name)),
        lost_(metrics.counter("tiercel_output_lost_total", "Alerts that an output could not deliver and gave up",
                              options_.name)),
        delivered_(metrics.counter("tiercel_output_delivered_total", "Alerts that an output delivered", options_.name)),
        cut_(metrics.counter("tiercel_output_cut_total", "Alerts cut to what a reader of the output takes",
                             options_.name)),
        bucket_(options_.rate_max_per_s),
        thread_(spool,
                {.name = options_.name,
                 .least_priority = options_.least_priority,
                 .condition = options_.condition,
                 .keeps_place = true,
                 .batch_rows_max = 16,  // at the slow rate, so that a critical alert waits for little
                 .retry_ms_min = 50,
                 .retry_ms_max = options_.retry_ms_max},
                [this](std::span<const siem::Row> rows) { return deliver(rows); }) {}

  [[nodiscard]] std::string name() const override { return options_.name; }
  Result<> start() override { return thread_.start(); }
  void stop(int timeout_ms) override { thread_.stop(timeout_ms); }

 private:
  enum class Outcome { kSent, kLater, kNever };
  size_t deliver(std::span<const siem::Row> rows);
  Outcome send(const alert::Alert& alert);
  bool connect();
  Outcome failed(int code);

  const AgentQueueOptions options_;
  Counter& errors_;
  Counter& lost_;
  Counter& delivered_;
  Counter& cut_;
  // The thread's own:
  Fd socket_;
  siem::TokenBucket bucket_;
  bool told_ = false;  // of this outage
  bool told_never_ = false;
  siem::ReaderThread thread_;  // last: it uses all of the above
};

bool AgentQueueSink::connect() {
  if (!socket_.valid()) socket_ = connect_unix_datagrams(options_.path);
  return socket_.valid();
}

AgentQueueSink::Outcome AgentQueueSink::failed(int code) {
  errors_.add();
  if (std::exchange(told_, true)) return Outcome::kLater;
  if (code == EAGAIN)
    log::warning("the wazuh-agent at {} takes nothing (is its manager away?): alerts wait until it does",
                 options_.path);
  else
    log::error("{}; alerts wait in the spool. Is the wazuh-agent running, and is this its queue?",
               fail_errno("no wazuh-agent listens at " + options_.path, code).value().message);
  return Outcome::kLater;
}

AgentQueueSink::Outcome AgentQueueSink::send(const alert::Alert& alert) {
  bool cut = false;
  const std::string text = event_text(alert, cut);
  bool again = true;  // the agent was started anew: its old socket is no more
  for (;;) {
    if (!connect()) return failed(errno);
    if (::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) >= 0) {
      if (std::exchange(told_, false)) log::info("the wazuh-agent at {} takes alerts again", options_.path);
      if (cut) cut_.add();
      return Outcome::kSent;
    }
    const int code = errno;
    if (code == EINTR) continue;
    if (code == EAGAIN) {  // a queue that is full for a moment is how it slows us down
      if (thread_.wait_writable(socket_.get(), options_.full_ms_max)) continue;
      return failed(code);
    }
    if (code == EMSGSIZE) {
      if (!std::exchange(told_never_, true))
        log::error("an alert of {} bytes is more than a datagram of this host holds (net.core.wmem_default)",
                   text.size());
      return Outcome::kNever;
    }
    socket_.reset();
    if (!std::exchange(again, false)) return failed(code);
  }
}

size_t AgentQueueSink::deliver(std::span<const siem::Row> rows) {
  size_t done = 0;
  for (const siem::Row& row : rows) {
    if (!thread_.wait_turn(bucket_)) return done;
    const Outcome outcome = send(*row.alert);
    if (outcome == Outcome::kLater) return done;
    if (outcome == Outcome::kSent)
      delivered_.add();
    else
      lost_.add();
    ++done;
  }
  return done;
}

}  // namespace

std::unique_ptr<siem::Sink> make_agent_queue_sink(siem::Spool& spool, AgentQueueOptions options, Metrics& metrics) {
  return std::make_unique<AgentQueueSink>(spool, std::move(options), metrics);
}

}  // namespace tiercel::wazuh
