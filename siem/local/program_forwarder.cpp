#include "siem/local/program_forwarder.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <optional>
#include <utility>

#include "agent/base/child.h"
#include "agent/base/fd.h"
#include "siem/local/program_log.h"

namespace tiercel::siem {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kSendNsMax = 500 * kNsPerMs;
constexpr uint64_t kLookNs = 20 * kNsPerMs;
constexpr uint64_t kLastLookNsMax = 2'000 * kNsPerMs;  // in a hurry: for what was written to be read
constexpr uint64_t kStartsNs = 100 * kNsPerMs;         // between two starts, at least
constexpr int kLastLookMs = 5;

struct Waiting {
  RowId id;
  alert::AlertPtr alert;
};
struct Sent {
  Waiting row;
  uint64_t end = 0;  // bytes written up to its newline
};

class ProgramService final : public Service {
 public:
  ProgramService(ProgramForwarderOptions options, const Clock& clock)
      : options_(std::move(options)),
        clock_(clock),
        name_(options_.program.empty() ? std::string("?") : options_.program.front()),
        log_(name_),
        stop_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~ProgramService() override { end_program(); }
  ProgramService(const ProgramService&) = delete;
  ProgramService& operator=(const ProgramService&) = delete;

  void take(RowId id, const alert::AlertPtr& alert, uint64_t) override { queue_of(id.lane).push_back({id, alert}); }
  [[nodiscard]] uint64_t due_ns() const override;
  Attempt send(uint64_t now_ns) override;
  void hurry() override { hurried_ = true; }
  void stop() override;

 private:
  std::deque<Waiting>& queue_of(alert::Lane lane) { return queues_[static_cast<size_t>(lane)]; }
  [[nodiscard]] bool nothing_waits() const { return queues_[0].empty() && queues_[1].empty(); }
  bool start(uint64_t now_ns);
  void write_lines(uint64_t now_ns);
  bool write_some();
  bool look(uint64_t now_ns, Attempt& attempt);
  void settle_read(uint64_t now_ns, Attempt& attempt);
  void take_end(uint64_t now_ns, int status);
  void give_back();
  void read_output();
  bool wait(short input_events, int timeout_ms);
  [[nodiscard]] bool has_ended(int wait_ms) const;
  void end_program();
  Attempt outcome_of(Attempt attempt) const;

  const ProgramForwarderOptions options_;
  const Clock& clock_;
  const std::string name_;
  ProgramLog log_;
  const Fd stop_fd_;
  std::array<std::deque<Waiting>, 2> queues_;  // by lane: criticals go first
  std::deque<Sent> sent_;                      // written, not known to be read
  std::string line_;                           // the one that is being written: of the first of line_lane_
  size_t line_written_ = 0;
  alert::Lane line_lane_ = alert::Lane::kRest;
  std::optional<Child> child_;
  uint64_t written_ = 0, read_ = 0;  // bytes, of this child
  uint64_t next_start_ns_ = 0;
  uint64_t heard_ns_ = 0;  // it read something, or there was nothing to read
  uint64_t look_ns_ = 0;
  bool deaf_ = false;  // it closed its input
  bool hurried_ = false;
  std::atomic<bool> stopped_{false};
  std::string trouble_;
};

uint64_t ProgramService::due_ns() const {
  if (!sent_.empty() || !line_.empty()) return look_ns_;
  if (nothing_waits()) return kNever;
  return child_ ? 0 : next_start_ns_;
}

void ProgramService::stop() {
  stopped_ = true;
  const uint64_t one = 1;
  while (::write(stop_fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

bool ProgramService::start(uint64_t now_ns) {
  next_start_ns_ = now_ns + kStartsNs;
  if (!name_.starts_with('/')) {
    trouble_ = "the program must be given with its whole path";
    return false;
  }
  Launch launch;
  launch.file = name_;
  launch.argv = options_.program;
  launch.environment = plain_environment();
  launch.folder = "/";
  launch.errors_to_output = true;
  auto child = Child::start(launch);
  if (!child) {
    trouble_ = child.error().message;
    return false;
  }
  child_ = std::move(*child);
  written_ = read_ = 0;
  heard_ns_ = now_ns;
  deaf_ = false;
  return true;
}

void ProgramService::read_output() {
  std::array<char, 4096> bytes;
  constexpr int kReadsMax = 64;
  for (int i = 0; i < kReadsMax && child_->output.valid(); ++i) {
    const ssize_t n = ::read(child_->output.get(), bytes.data(), bytes.size());
    if (n > 0) log_.add({bytes.data(), static_cast<size_t>(n)}, clock_.monotonic_ns());
    if (n == 0) child_->output.reset();
    if (n <= 0 && errno != EINTR) return;
  }
}

// For its end, its output, room in its input, or stop(). False: the time is over.
bool ProgramService::wait(short input_events, int timeout_ms) {
  std::array<pollfd, 4> fds{{{child_->pidfd.get(), POLLIN, 0},
                             {child_->output.get(), POLLIN, 0},
                             {input_events != 0 && !deaf_ ? child_->input.get() : -1, input_events, 0},
                             {stop_fd_.get(), POLLIN, 0}}};
  if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) return false;
  read_output();
  return true;
}

bool ProgramService::has_ended(int wait_ms) const {
  pollfd end{child_->pidfd.get(), POLLIN, 0};
  return ::poll(&end, 1, wait_ms) > 0;
}

void ProgramService::settle_read(uint64_t now_ns, Attempt& attempt) {
  int unread = 0;
  if (::ioctl(child_->input.get(), FIONREAD, &unread) != 0) return;
  const uint64_t read = written_ - static_cast<uint64_t>(unread);
  if (read != read_ || unread == 0) heard_ns_ = now_ns;
  read_ = read;
  for (; !sent_.empty() && sent_.front().end <= read; sent_.pop_front())
    attempt.settled.push_back(sent_.front().row.id);
}

void ProgramService::give_back() {
  line_.clear();
  for (; !sent_.empty(); sent_.pop_back()) queue_of(sent_.back().row.id.lane).push_front(std::move(sent_.back().row));
}

void ProgramService::take_end(uint64_t now_ns, int status) {
  constexpr int kSignalled = 128;
  const bool unfinished = !sent_.empty() || !line_.empty();
  if (unfinished || status != 0)
    trouble_ = status > kSignalled ? fmt::format("it was ended by signal {}", status - kSignalled)
                                   : fmt::format("it ended with status {}", status);
  log_.end(now_ns);
  child_.reset();
  give_back();
}

// False: there is no program (any more).
bool ProgramService::look(uint64_t now_ns, Attempt& attempt) {
  if (!child_) return false;
  constexpr int kDeafMs = 100;  // one that ends closes its input first
  pollfd input{child_->input.get(), 0, 0};
  if (::poll(&input, 1, 0) > 0) deaf_ = true;  // POLLERR: nobody has the other end
  const bool ended = has_ended(deaf_ ? kDeafMs : 0);
  read_output();
  settle_read(now_ns, attempt);
  if (ended) {
    take_end(now_ns, child_->reap());
    return false;
  }
  const bool busy = !sent_.empty() || !line_.empty();
  if (deaf_ && (busy || !nothing_waits())) trouble_ = "it closed its standard input";
  if (busy && now_ns - heard_ns_ > static_cast<uint64_t>(options_.hang_ms_max) * kNsPerMs)
    trouble_ = fmt::format("it read nothing for {} ms and was ended", options_.hang_ms_max);
  if (trouble_.empty()) return true;
  end_program();
  give_back();
  return false;
}

bool ProgramService::write_some() {
  const ssize_t n = ::write(child_->input.get(), line_.data() + line_written_, line_.size() - line_written_);
  if (n < 0) {
    if (errno == EINTR) return true;
    deaf_ = errno != EAGAIN;
    return !deaf_ && wait(POLLOUT, static_cast<int>(kSendNsMax / kNsPerMs));
  }
  written_ += static_cast<uint64_t>(n);
  line_written_ += static_cast<size_t>(n);
  if (line_written_ < line_.size()) return true;
  sent_.push_back({std::move(queue_of(line_lane_).front()), written_});
  queue_of(line_lane_).pop_front();
  line_.clear();
  return true;
}

void ProgramService::write_lines(uint64_t now_ns) {
  if (sent_.empty() && line_.empty()) heard_ns_ = now_ns;
  while (!stopped_ && (!line_.empty() || !nothing_waits())) {
    if (line_.empty()) {
      line_lane_ = queue_of(alert::Lane::kCritical).empty() ? alert::Lane::kRest : alert::Lane::kCritical;
      line_ = queue_of(line_lane_).front().alert->falco_json + '\n';
      line_written_ = 0;
    }
    if (!write_some() || clock_.monotonic_ns() - now_ns > kSendNsMax) return;
  }
}

Attempt ProgramService::outcome_of(Attempt attempt) const {
  const bool failed = !trouble_.empty() && attempt.settled.empty();
  attempt.result = failed ? Attempt::Result::kRetry : Attempt::Result::kTaken;
  if (!trouble_.empty())
    attempt.answer = name_ + ": " + trouble_;
  else
    attempt.answer = name_ + (sent_.empty() && line_.empty() ? ": read" : ": not all of it was read yet");
  return attempt;
}

Attempt ProgramService::send(uint64_t now_ns) {
  Attempt attempt;
  trouble_.clear();
  if (!look(now_ns, attempt)) {
    if (!trouble_.empty() || nothing_waits()) return outcome_of(std::move(attempt));
    if (stopped_) trouble_ = "it was stopped";
    if (stopped_ || !start(now_ns)) return outcome_of(std::move(attempt));
  }
  write_lines(now_ns);
  for (uint64_t begun_ns = clock_.monotonic_ns();;) {
    now_ns = clock_.monotonic_ns();
    const bool more = look(now_ns, attempt) && hurried_ && !sent_.empty() && !stopped_;
    if (!more || now_ns - begun_ns > kLastLookNsMax) break;
    wait(0, kLastLookMs);
  }
  look_ns_ = now_ns + kLookNs;
  return outcome_of(std::move(attempt));
}

void ProgramService::end_program() {
  if (!child_) return;
  child_->input.reset();
  for (const int signal : {SIGTERM, SIGKILL}) {
    const uint64_t limit_ns = clock_.monotonic_ns() + static_cast<uint64_t>(options_.end_ms) * kNsPerMs;
    bool ended = has_ended(0);
    while (!ended && clock_.monotonic_ns() < limit_ns) {
      read_output();  // it may wait for room to write
      ended = has_ended(kLastLookMs);
    }
    if (ended) break;
    ::kill(-child_->pid, signal);
  }
  read_output();
  child_->reap();
  log_.end(clock_.monotonic_ns());
  child_.reset();
}

}  // namespace

std::unique_ptr<Service> make_program_service(ProgramForwarderOptions options, const Clock& clock) {
  return std::make_unique<ProgramService>(std::move(options), clock);
}

std::unique_ptr<Forwarder> make_program_forwarder(Spool& spool, ProgramForwarderOptions options, Metrics& metrics,
                                                  const Clock& clock, alert::Reports& reports) {
  options.forwarder.parts = kFalcoJson;
  options.forwarder.takes_routine = false;
  ForwarderOptions forwarder = options.forwarder;
  auto service = make_program_service(std::move(options), clock);
  return make_forwarder(spool, std::move(forwarder), std::move(service), metrics, clock, reports);
}

}  // namespace tiercel::siem
