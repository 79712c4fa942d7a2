#include "siem/local/stdout_sink.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "siem/reader_thread.h"

namespace tiercel::siem {
namespace {

using alert::Priority;

// A pipe that is ready takes this much without blocking (PIPE_BUF).
constexpr size_t kWriteBytesMax = 4096;

const char* colour_of(Priority priority) {
  switch (priority) {
    case Priority::kEmergency:
    case Priority::kAlert:
    case Priority::kCritical:
      return "\033[1;31m";
    case Priority::kError:
      return "\033[31m";
    case Priority::kWarning:
      return "\033[33m";
    case Priority::kNotice:
      return "\033[36m";
    case Priority::kInformational:
      return "\033[32m";
    case Priority::kDebug:
      return "\033[2m";
  }
  return "";
}

// A way to the same pipe or terminal whose O_NONBLOCK is ours alone: the flag of descriptor 1 itself belongs to the
// shell and to everybody else who has it open.
Fd open_again(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0 || (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))) return {};
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return Fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

class StdoutSink final : public Sink {
 public:
  StdoutSink(Spool& spool, const StdoutSinkOptions& options, Metrics& metrics)
      : options_(options),
        lost_(metrics.counter("tiercel_output_lost_total", "Alerts that an output could not deliver and gave up",
                              options_.name)),
        delivered_(metrics.counter("tiercel_output_delivered_total", "Alerts that an output delivered", options_.name)),
        own_fd_(open_again(options.fd)),
        thread_(spool,
                {.name = options_.name,
                 .least_priority = options.least_priority,
                 .condition = options.condition,
                 .takes_routine = false,
                 .parts = kFalcoJson | kTextLine},
                [this](std::span<const Row> rows) { return deliver(rows); }) {}

  [[nodiscard]] std::string name() const override { return options_.name; }
  Result<> start() override { return thread_.start(); }
  void stop(int timeout_ms) override { thread_.stop(timeout_ms); }

 private:
  enum class Outcome { kWritten, kGivenUp, kBroken };
  size_t deliver(std::span<const Row> rows);
  void gather(std::span<const Row> rows);
  Outcome write_all(std::string_view& bytes);
  [[nodiscard]] std::string line_of(const alert::Alert& alert) const;
  ssize_t write_some(std::string_view bytes);

  const StdoutSinkOptions options_;
  Counter& lost_;
  Counter& delivered_;
  const Fd own_fd_;
  bool broken_ = false;
  std::string lines_;         // of one write
  std::vector<size_t> ends_;  // where each of them ends
  ReaderThread thread_;       // last: it uses all of the above
};

std::string StdoutSink::line_of(const alert::Alert& alert) const {
  if (options_.format == StdoutSinkOptions::Format::kJson) return alert.falco_json + '\n';
  return (options_.colour ? colour_priority(alert) : alert.text_line) + '\n';
}

ssize_t StdoutSink::write_some(std::string_view bytes) {
  bytes = bytes.substr(0, kWriteBytesMax);
  if (own_fd_.valid()) return ::write(own_fd_.get(), bytes.data(), bytes.size());
  const ssize_t sent = ::send(options_.fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) return sent;
  // A file, or a pipe that we may not open again: it takes kWriteBytesMax without blocking once it is ready.
  if (thread_.wait_writable(options_.fd)) return ::write(options_.fd, bytes.data(), bytes.size());
  errno = EAGAIN;
  return -1;
}

// Takes away what was written.
StdoutSink::Outcome StdoutSink::write_all(std::string_view& bytes) {
  const int fd = own_fd_.valid() ? own_fd_.get() : options_.fd;
  while (!bytes.empty()) {
    const ssize_t n = write_some(bytes);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      if (!thread_.wait_writable(fd)) return Outcome::kGivenUp;
    } else if (errno != EINTR) {
      log::error("standard output is gone (error {}): alerts are not printed from here on", errno);
      return Outcome::kBroken;
    }
  }
  return Outcome::kWritten;
}

// The first lines, as many as one write takes: a call for each line, and waking who reads them, costs more than the
// lines.
void StdoutSink::gather(std::span<const Row> rows) {
  lines_.clear();
  ends_.clear();
  for (const Row& row : rows) {
    const std::string line = line_of(*row.alert);
    if (!ends_.empty() && lines_.size() + line.size() > kWriteBytesMax) return;
    lines_ += line;
    ends_.push_back(lines_.size());
  }
}

size_t StdoutSink::deliver(std::span<const Row> rows) {
  size_t done = 0;
  while (done < rows.size() && !broken_) {
    gather(rows.subspan(done));
    std::string_view left = lines_;
    const Outcome outcome = write_all(left);
    const size_t written = lines_.size() - left.size();
    const auto whole = std::upper_bound(ends_.begin(), ends_.end(), written) - ends_.begin();
    done += static_cast<size_t>(whole);
    delivered_.add(static_cast<uint64_t>(whole));
    if (outcome == Outcome::kGivenUp) return done;
    broken_ = outcome == Outcome::kBroken;
  }
  lost_.add(rows.size() - done);  // nobody will ever read them here; the spool need not keep them
  return rows.size();
}

}  // namespace

std::string colour_priority(const alert::Alert& alert) {
  const std::string_view word = alert::display_name(alert.priority);
  const size_t at = alert.text_line.find(": ");
  if (at == std::string::npos || std::string_view(alert.text_line).substr(at + 2, word.size()) != word)
    return alert.text_line;
  std::string line = alert.text_line;
  line.insert(at + 2 + word.size(), "\033[0m");
  line.insert(at + 2, colour_of(alert.priority));
  return line;
}

std::unique_ptr<Sink> make_stdout_sink(Spool& spool, StdoutSinkOptions options, Metrics& metrics) {
  return std::make_unique<StdoutSink>(spool, options, metrics);
}

}  // namespace tiercel::siem
