// Supervisor: what the agent tells the service manager that started it (sd_notify(3)): that it watches, that it reads
// its rules anew, that it stops, and, for its watchdog, that the deciding thread is alive. Without one, nothing happens
// and no thread is started.
//
// The watchdog is fed because the deciding thread asked for it, and never by a clock: turn() is called between two
// records. What it is told is sent by a thread of its own, since the service manager's socket may be full.
//
// Threads: constructor, start() and stop() on one; turn() on the deciding thread; the others from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"

namespace tiercel::hardening {

class Supervisor {
 public:
  Supervisor();
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  void start();
  void ready(const std::string& status);  // also: reloaded
  void reloading();
  // Says that it stops, and ends the thread when that was sent.
  void stop();
  // Never waits. `now_ns` is CLOCK_MONOTONIC.
  void turn(uint64_t now_ns);

  [[nodiscard]] bool is_there() const { return there_; }
  [[nodiscard]] uint64_t watchdog_ns() const { return watchdog_ns_; }  // 0: none

 private:
  void say(std::string state);
  void run();

  bool there_ = false;
  uint64_t watchdog_ns_ = 0;
  uint64_t fed_ns_ = 0;  // the deciding thread's
  Fd wake_;
  std::atomic<bool> alive_{false};  // since it was told last
  std::mutex mutex_;                // of what follows
  std::vector<std::string> to_say_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tiercel::hardening
