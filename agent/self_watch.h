// SelfWatch: what the agent looks at of itself: was it gone, does it stand still, is its witness there, are its hooks,
// its files and the clock as it left them, does somebody trace it. Each finding is a report; docs/self-protection.md
// has them all. begin(), tick() and end() on the deciding thread; what may wait for a disk or asks the kernel more than
// a little is on a thread of its own. attached() from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/alert/report.h"
#include "agent/attach_watch.h"
#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/metrics.h"
#include "agent/clock_watch.h"
#include "agent/config/config.h"
#include "agent/files_watch.h"
#include "agent/lifeline.h"
#include "agent/pause_watch.h"
#include "agent/sensor/guard.h"
#include "agent/sensor/source.h"
#include "agent/tracer_watch.h"

namespace tiercel {

class SelfWatch {
 public:
  struct Options {
    const config::Config& config;
    std::string config_file;  // empty: none
  };
  SelfWatch(Options options, alert::Reports& reports, const Metrics& metrics, const Clock& clock);
  ~SelfWatch();
  SelfWatch(const SelfWatch&) = delete;
  SelfWatch& operator=(const SelfWatch&) = delete;

  // When events are seen again. Tells of the time without an agent.
  void begin(sensor::Source& source);
  void tick(uint64_t lost);  // every second; lost: events, in all
  void end();                // in good order

  [[nodiscard]] AttachWatch::State attached() const { return attach_.state(); }

 private:
  void run(sensor::Source& source);
  [[nodiscard]] std::vector<FilesWatch::Place> places() const;
  [[nodiscard]] bool wrote_key();
  void take_left();
  void guard();
  void put(std::optional<alert::Report> report);

  const Options options_;
  alert::Reports& reports_;
  const Metrics& metrics_;
  const Clock& clock_;
  Lifeline lifeline_;
  ClockWatch clock_watch_;
  PauseWatch pause_;
  uint64_t began_ns_ = 0;
  // The thread's:
  AttachWatch attach_;
  TracerWatch tracer_;
  std::unique_ptr<sensor::Guard> guard_;
  bool guard_tried_ = false;
  std::string guarded_;  // what there was to guard at the last call
  uint64_t denied_ = 0;
  uint64_t enrolments_ = 0, enrolled_ns_ = 0;
  std::atomic<bool> stopping_{false};
  Fd wake_;
  std::thread thread_;
};

}  // namespace tiercel
