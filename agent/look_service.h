// LookService: lets people look at what the agent does, and counts only while somebody does. A request `top` on the
// control socket begins to count, or keeps counting, for as many seconds as it says; when none came for that long, the
// deciding thread counts nothing any more.
//
// Threads: serve() before the control socket starts; the requests come on the control socket's thread; the rest is the
// deciding thread's, which waits for nobody: it is asked through a descriptor and puts a copy where the other one
// waits.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/control/control_server.h"
#include "agent/look/counts.h"
#include "agent/pipeline.h"
#include "agent/sensor/source.h"

namespace tiercel {

class LookService {
 public:
  // patience: how long the control socket's thread waits for the deciding one, which answers between two turns, a few
  // ms apart.
  explicit LookService(const Clock& clock, std::chrono::milliseconds patience = std::chrono::seconds(2));

  // status: what the status command answers, and is sent along.
  void serve(control::ControlServer& control, std::function<std::string()> status);
  // Readable when attend() is due.
  [[nodiscard]] int fd() const { return wake_.get(); }
  void attend(Pipeline& pipeline, const sensor::Source& source);
  // Once a second.
  void tick(Pipeline& pipeline);
  // The deciding thread attends no more: whoever waits for it is told so. Before the control socket stops.
  void close();

 private:
  struct Answer {
    look::Snapshot snapshot;
    uint64_t decider_cpu_ns = 0;
    std::array<sensor::RingFill, 2> rings;
    std::array<uint64_t, 2> ring_peaks{};  // since the answer before, at the events that were timed
  };
  std::string answer(const control::Request& request, const std::string& status);
  [[nodiscard]] std::string json(const Answer& answer, const std::string& status) const;

  const Clock& clock_;
  const std::chrono::milliseconds patience_;
  Fd wake_;

  std::mutex mutex_;
  std::condition_variable answered_;
  uint64_t until_ns_ = 0;             // CLOCK_MONOTONIC: somebody looks
  uint64_t asked_ = 0, answers_ = 0;  // tickets
  bool closed_ = false;
  std::shared_ptr<const Answer> last_;

  std::optional<look::Counts> counts_;  // the deciding thread's
  std::array<uint64_t, 2> ring_peaks_{};
};

}  // namespace tiercel
