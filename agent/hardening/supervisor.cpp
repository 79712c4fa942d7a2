// Through libsystemd.
#include "agent/hardening/supervisor.h"

#include <fmt/core.h>
#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "agent/base/clock.h"
#include "agent/base/thread.h"

namespace tiercel::hardening {
namespace {

// The watchdog is fed this often within its time, as sd_watchdog_enabled(3) advises at the least twice.
constexpr uint64_t kMealsInTime = 4;

void signal_eventfd(const Fd& fd) {
  const uint64_t one = 1;
  while (::write(fd.get(), &one, sizeof one) < 0 && errno == EINTR) continue;
}

}  // namespace

Supervisor::Supervisor() : there_(std::getenv("NOTIFY_SOCKET") != nullptr) {
  uint64_t watchdog_us = 0;
  if (::sd_watchdog_enabled(0, &watchdog_us) > 0) watchdog_ns_ = watchdog_us * 1'000;
}

Supervisor::~Supervisor() {
  stop();
}

void Supervisor::start() {
  if (!there_) return;
  wake_.reset(::eventfd(0, EFD_CLOEXEC));
  thread_ = start_thread("supervisor", [this] { run(); });
}

void Supervisor::ready(const std::string& status) {
  say("READY=1\nSTATUS=" + status);
}

void Supervisor::reloading() {
  say(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", SystemClock().monotonic_ns() / 1'000));
}

void Supervisor::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    to_say_.emplace_back("STOPPING=1");
    stopping_ = true;
  }
  signal_eventfd(wake_);
  thread_.join();
}

void Supervisor::turn(uint64_t now_ns) {
  if (watchdog_ns_ == 0 || !wake_.valid() || now_ns - fed_ns_ < watchdog_ns_ / kMealsInTime) return;
  fed_ns_ = now_ns;
  alive_ = true;
  signal_eventfd(wake_);
}

void Supervisor::say(std::string state) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    to_say_.push_back(std::move(state));
  }
  signal_eventfd(wake_);
}

void Supervisor::run() {
  for (bool more = true; more;) {
    uint64_t count = 0;
    if (::read(wake_.get(), &count, sizeof count) < 0 && errno != EINTR) return;
    std::vector<std::string> states;
    {
      const std::lock_guard lock(mutex_);
      states = std::exchange(to_say_, {});
      more = !stopping_;
    }
    if (alive_.exchange(false)) states.emplace_back("WATCHDOG=1");
    for (const std::string& state : states) (void)::sd_notify(0, state.c_str());
  }
}

}  // namespace tiercel::hardening
