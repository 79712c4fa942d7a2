#include "siem/reader_thread.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <utility>

#include "agent/base/clock.h"
#include "agent/base/thread.h"

namespace tiercel::siem {
namespace {

using alert::Lane;

void signal_eventfd(int fd) {
  const uint64_t one = 1;
  while (::write(fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

Fd make_eventfd() {
  return Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

// Until one of the descriptors is readable or the time is over; a negative descriptor is passed over.
void wait_readable(int a, int b, int timeout_ms) {
  pollfd fds[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
  ::poll(fds, 2, timeout_ms);
}

}  // namespace

ReaderThread::ReaderThread(Spool& spool, Options options, Deliver deliver)
    : spool_(spool),
      options_(std::move(options)),
      deliver_(std::move(deliver)),
      wake_fd_(make_eventfd()),
      stop_fd_(make_eventfd()),
      give_up_fd_(make_eventfd()) {
  reader_ = spool_.add_reader({.name = options_.name,
                               .wake = [this] { wake(); },
                               .takes_routine = options_.takes_routine,
                               .keeps_place = options_.keeps_place,
                               .parts = options_.parts});
}

ReaderThread::~ReaderThread() {
  stop(0);
}

Result<> ReaderThread::start() {
  if (!wake_fd_.valid() || !stop_fd_.valid() || !give_up_fd_.valid())
    return fail("cannot make an eventfd for the output " + options_.name + ": raise the limit of open files");
  thread_ = start_thread(options_.name, [this] { run(); });
  return {};
}

void ReaderThread::wake() {
  if (!woken_.exchange(true, std::memory_order_acq_rel)) signal_eventfd(wake_fd_.get());
}

void ReaderThread::stop(int timeout_ms) {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_release);
  signal_eventfd(stop_fd_.get());
  {
    std::unique_lock lock(mutex_);
    ended_changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return ended_; });
  }
  giving_up_.store(true, std::memory_order_release);
  signal_eventfd(give_up_fd_.get());
  thread_.join();
}

bool ReaderThread::wait_writable(int fd, int timeout_ms) {
  for (;;) {
    pollfd fds[2] = {{fd, POLLOUT, 0}, {give_up_fd_.get(), POLLIN, 0}};
    const int ready = ::poll(fds, 2, timeout_ms);
    if (ready == 0 || (ready < 0 && errno != EINTR)) return false;
    if (ready < 0) continue;
    if (fds[1].revents != 0) return false;
    return true;
  }
}

bool ReaderThread::wait_turn(TokenBucket& bucket) {
  constexpr uint64_t kNsPerMs = 1'000'000;
  const SystemClock clock;
  while (!giving_up()) {
    const uint64_t now_ns = clock.monotonic_ns();
    if (bucket.available(now_ns) > 0) {
      bucket.take(now_ns);
      return true;
    }
    wait_readable(give_up_fd_.get(), -1, static_cast<int>((bucket.next_ns() - now_ns) / kNsPerMs) + 1);
  }
  return false;
}

// One batch of a lane. True: there may be more.
bool ReaderThread::deliver_lane(Lane lane, bool& trouble) {
  const std::vector<Row> rows = spool_.read(reader_, lane, 0, options_.batch_rows_max);
  if (rows.empty()) return false;
  full_batch_ = rows.size() >= options_.batch_rows_max;
  std::vector<Row> wanted;
  for (const Row& row : rows)
    if (alert::wanted(*row.alert, options_.least_priority, options_.condition)) wanted.push_back(row);
  const size_t delivered = wanted.empty() ? 0 : std::min(deliver_(wanted), wanted.size());
  if (delivered == wanted.size()) {
    spool_.confirm(reader_, lane, rows.back().seq);
    return true;
  }
  trouble = true;
  if (delivered > 0) spool_.confirm(reader_, lane, wanted[delivered - 1].seq);
  return false;
}

bool ReaderThread::deliver_some(bool& trouble) {
  if (deliver_lane(Lane::kCritical, trouble)) return true;
  return !trouble && deliver_lane(Lane::kRest, trouble);
}

// The descriptor first, then the flag, then (the caller) the spool: a wake that comes in between finds the flag still
// set and writes nothing, but what it tells of is read afterwards.
void ReaderThread::take_wake() {
  uint64_t count = 0;
  while (::read(wake_fd_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  if (woken_.exchange(false, std::memory_order_acq_rel)) deliver_({});
}

void ReaderThread::run() {
  int retry_ms = 0;
  while (!giving_up()) {
    const bool was_stopping = stopping_.load(std::memory_order_acquire);
    take_wake();
    bool trouble = false;
    if (deliver_some(trouble)) {
      retry_ms = 0;
      if (options_.pause_ms > 0 && !was_stopping && !full_batch_)
        wait_readable(stop_fd_.get(), give_up_fd_.get(), options_.pause_ms);
    } else if (trouble) {
      const int most_ms = was_stopping ? options_.retry_ms_min : options_.retry_ms_max;
      retry_ms = std::clamp(retry_ms * 2, std::min(options_.retry_ms_min, most_ms), most_ms);
      wait_readable(was_stopping ? -1 : stop_fd_.get(), give_up_fd_.get(), retry_ms);
    } else if (was_stopping) {
      break;
    } else {
      wait_readable(wake_fd_.get(), stop_fd_.get(), -1);
    }
  }
  deliver_({});
  std::lock_guard lock(mutex_);
  ended_ = true;
  ended_changed_.notify_all();
}

}  // namespace tiercel::siem
