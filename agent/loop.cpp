#include "agent/loop.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <span>
#include <utility>

#include "agent/base/fd.h"

namespace tiercel {
namespace {

// Between two looks at signals and the clock. Small enough that Ctrl-C is felt under any flood.
constexpr size_t kRecordsPerTurn = 4096;

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  return set;
}

sigset_t loop_signals() {
  return set_of({SIGINT, SIGTERM, SIGHUP, SIGUSR1});
}

struct Waiter {
  Fd epoll, signals, timer;

  Result<> open(const sensor::Source& source, const std::vector<LoopHandlers::Also>& also) {
    const sigset_t set = loop_signals();
    epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
    signals.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    timer.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!epoll.valid() || !signals.valid() || !timer.valid()) return fail_errno("cannot set up the event loop", errno);
    const itimerspec every_second{{1, 0}, {1, 0}};
    ::timerfd_settime(timer.get(), 0, &every_second, nullptr);
    std::vector<int> fds = source.wait_fds();
    fds.push_back(signals.get());
    fds.push_back(timer.get());
    for (const LoopHandlers::Also& each : also)
      if (each.fd >= 0) fds.push_back(each.fd);
    for (int fd : fds) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = fd;
      if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("epoll_ctl", errno);
    }
    return {};
  }

  // Returns false when it is time to stop.
  bool take_signals(const LoopHandlers& handlers) {
    signalfd_siginfo info{};
    while (::read(signals.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM) return false;
      if (handlers.on_signal) handlers.on_signal(static_cast<int>(info.ssi_signo));
    }
    return true;
  }

  // Likewise.
  bool take_tick(const LoopHandlers& handlers) {
    uint64_t times = 0;
    return ::read(timer.get(), &times, sizeof times) != sizeof times || !handlers.tick || handlers.tick();
  }

  // Likewise. What has become readable.
  bool take(int fd, const LoopHandlers& handlers) {
    if (fd == timer.get()) return take_tick(handlers);
    if (fd == signals.get()) return take_signals(handlers);
    for (const LoopHandlers::Also& each : handlers.also)
      if (fd == each.fd) each.handle();
    return true;
  }
};

// A wait of 1 ms between two looks is cut to half of that in a hurry; -1: without end. The kernel has the call
// since 5.11, glibc since 2.35, which is younger than some hosts'.
int wait(const Fd& epoll, std::span<epoll_event> events, int ms, bool hurry) {
  constexpr long kMs = 1'000'000;
  const timespec time{ms / 1'000, hurry && ms == 1 ? kMs / 2 : ms % 1'000 * kMs};
  return static_cast<int>(::syscall(SYS_epoll_pwait2, epoll.get(), events.data(), static_cast<int>(events.size()),
                                    ms < 0 ? nullptr : &time, nullptr, 0));
}

}  // namespace

void block_reload_signals() {
  const sigset_t set = set_of({SIGHUP, SIGUSR1});
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void block_loop_signals() {
  const sigset_t set = loop_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Result<> run_loop(sensor::Source& source, const LoopHandlers& handlers) {
  Waiter waiter;
  if (auto opened = waiter.open(source, handlers.also); !opened) return opened;
  uint64_t alerts = 0;
  for (bool more = true; more;) {
    const size_t handled = source.drain(handlers.record, kRecordsPerTurn);
    if (source.finished() && handlers.stop_when_finished) break;
    std::array<epoll_event, 8> events;
    const int timeout_ms = handled == kRecordsPerTurn ? 0 : source.wait_ms(handled);
    const uint64_t before = std::exchange(alerts, handlers.alerts ? handlers.alerts() : 0);
    const int n = wait(waiter.epoll, events, timeout_ms, alerts != before);
    if (n < 0 && errno != EINTR) return fail_errno("epoll_pwait2", errno);
    for (int i = 0; i < n && more; ++i) more = waiter.take(events[static_cast<size_t>(i)].data.fd, handlers);
  }
  source.detach();
  source.drain(handlers.record, SIZE_MAX);
  return {};
}

}  // namespace tiercel
