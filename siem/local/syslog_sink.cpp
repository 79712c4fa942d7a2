#include "siem/local/syslog_sink.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/unix_socket.h"
#include "siem/reader_thread.h"

namespace tiercel::siem {
namespace {

constexpr int kFacilityUser = 1;
constexpr uint64_t kNsPerSecond = 1'000'000'000;

class SyslogSink final : public Sink {
 public:
  SyslogSink(Spool& spool, SyslogSinkOptions options, Metrics& metrics)
      : options_(std::move(options)),
        lost_(metrics.counter("tiercel_output_lost_total", "Alerts that an output could not deliver and gave up",
                              options_.name)),
        delivered_(metrics.counter("tiercel_output_delivered_total", "Alerts that an output delivered", options_.name)),
        thread_(spool,
                {.name = options_.name,
                 .least_priority = options_.least_priority,
                 .condition = options_.condition,
                 .parts = kFalcoJson | kTextLine},
                [this](std::span<const Row> rows) { return deliver(rows); }) {}

  [[nodiscard]] std::string name() const override { return options_.name; }
  Result<> start() override { return thread_.start(); }
  void stop(int timeout_ms) override { thread_.stop(timeout_ms); }

 private:
  enum class Outcome { kSent, kNobodyThere, kNever };
  size_t deliver(std::span<const Row> rows);
  Outcome send(const std::string& message);
  bool connect();
  Outcome nobody_there(int code);

  const SyslogSinkOptions options_;
  Counter& lost_;
  Counter& delivered_;
  Fd socket_;
  bool told_ = false;    // of this outage
  ReaderThread thread_;  // last: it uses all of the above
};

bool SyslogSink::connect() {
  if (!socket_.valid()) socket_ = connect_unix_datagrams(options_.socket_path);
  return socket_.valid();
}

SyslogSink::Outcome SyslogSink::nobody_there(int code) {
  socket_.reset();
  if (!std::exchange(told_, true))
    log::error("syslog does not listen at {} (error {}): alerts wait until it does", options_.socket_path, code);
  return Outcome::kNobodyThere;
}

SyslogSink::Outcome SyslogSink::send(const std::string& message) {
  bool again = true;  // the daemon was started anew: its old socket is no more
  for (;;) {
    if (!connect()) return nobody_there(errno);
    if (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0) {
      told_ = false;
      return Outcome::kSent;
    }
    const int code = errno;
    if (code == EINTR) continue;
    if (code == EMSGSIZE) return Outcome::kNever;
    if (code == EAGAIN || code == ENOBUFS) {
      if (thread_.wait_writable(socket_.get())) continue;
      return Outcome::kNobodyThere;
    }
    socket_.reset();
    if (!std::exchange(again, false)) return nobody_there(code);
  }
}

size_t SyslogSink::deliver(std::span<const Row> rows) {
  size_t done = 0;
  for (const Row& row : rows) {
    const alert::Alert& alert = *row.alert;
    const std::string& text = options_.format == SyslogSinkOptions::Format::kJson ? alert.falco_json : alert.text_line;
    const Outcome outcome = send(syslog_message(alert.priority, alert.time_ns, ::getpid(), text));
    if (outcome == Outcome::kNobodyThere) return done;
    if (outcome == Outcome::kSent)
      delivered_.add();
    else
      lost_.add();
    ++done;
  }
  return done;
}

}  // namespace

std::string syslog_message(alert::Priority priority, uint64_t time_ns, int pid, const std::string& text) {
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<time_t>(time_ns / kNsPerSecond);
  tm at{};
  ::localtime_r(&seconds, &at);
  return fmt::format("<{}>{} {:2} {:02}:{:02}:{:02} tiercel[{}]: {}", kFacilityUser * 8 + static_cast<int>(priority),
                     kMonths[at.tm_mon], at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec, pid, text);
}

std::unique_ptr<Sink> make_syslog_sink(Spool& spool, SyslogSinkOptions options, Metrics& metrics) {
  return std::make_unique<SyslogSink>(spool, std::move(options), metrics);
}

}  // namespace tiercel::siem
