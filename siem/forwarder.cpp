#include "siem/forwarder.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/base/fd.h"
#include "agent/base/thread.h"
#include "siem/forwarder_work.h"

namespace tiercel::siem {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kWaitMsMax = 1'000;  // the clock may be one that a test moves

// Not std::random_device: linked statically, it asks for a younger glibc than anything else here.
unsigned random_seed() {
  unsigned seed = 0;
  if (::getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed) seed = static_cast<unsigned>(::getpid());
  return seed;
}

class ForwarderThread final : public Forwarder {
 public:
  ForwarderThread(Spool& spool, ForwarderOptions options, std::unique_ptr<Service> service, Metrics& metrics,
                  const Clock& clock, alert::Reports& reports)
      : name_(options.name),
        clock_(clock),
        service_(std::move(service)),
        wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        work_(
            spool, std::move(options), *service_, metrics, clock, reports, [this] { wake(); }, random_seed()) {}
  ~ForwarderThread() override { stop(0); }

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] ForwarderStatus status() const override { return work_.status(); }
  Result<> start() override;
  void stop(int timeout_ms) override;

 private:
  void wake();
  void take_wake();
  void run();

  const std::string name_;
  const Clock& clock_;
  const std::unique_ptr<Service> service_;
  Fd wake_fd_;
  std::atomic<bool> woken_{false};
  std::atomic<bool> stopping_{false};   // send what there is, then end
  std::atomic<bool> giving_up_{false};  // end at once
  std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;  // under mutex_
  ForwarderWork work_;
  std::thread thread_;
};

Result<> ForwarderThread::start() {
  if (!wake_fd_.valid())
    return fail("cannot make an eventfd for the output " + name_ + ": raise the limit of open files");
  thread_ = start_thread(name_, [this] { run(); });
  return {};
}

void ForwarderThread::wake() {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  const uint64_t one = 1;
  while (::write(wake_fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

// The descriptor first, then the flag, then (the caller) what it tells of: a wake that comes in between writes nothing,
// but what it is about is seen.
void ForwarderThread::take_wake() {
  uint64_t count = 0;
  while (::read(wake_fd_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  woken_.store(false, std::memory_order_release);
}

void ForwarderThread::stop(int timeout_ms) {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_release);
  wake();
  {
    std::unique_lock lock(mutex_);
    ended_changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return ended_; });
  }
  giving_up_.store(true, std::memory_order_release);
  service_->stop();
  wake();
  thread_.join();
}

void ForwarderThread::run() {
  while (!giving_up_.load(std::memory_order_acquire)) {
    take_wake();
    if (stopping_.load(std::memory_order_acquire)) work_.hurry();
    const uint64_t next_ns = work_.step();
    if (work_.finished()) break;
    const uint64_t now_ns = clock_.monotonic_ns();
    if (next_ns <= now_ns) continue;
    pollfd fd{wake_fd_.get(), POLLIN, 0};
    const uint64_t wait_ms = std::min((next_ns - now_ns) / kNsPerMs + 1, kWaitMsMax);
    ::poll(&fd, 1, next_ns == Service::kNever ? -1 : static_cast<int>(wait_ms));
  }
  work_.end();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  ended_changed_.notify_all();
}

}  // namespace

std::unique_ptr<Forwarder> make_forwarder(Spool& spool, ForwarderOptions options, std::unique_ptr<Service> service,
                                          Metrics& metrics, const Clock& clock, alert::Reports& reports) {
  return std::make_unique<ForwarderThread>(spool, std::move(options), std::move(service), metrics, clock, reports);
}

}  // namespace tiercel::siem
