// Loop: waits for the source, signals and a one-second tick, and lets the deciding thread do one thing at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "agent/base/result.h"
#include "agent/sensor/source.h"

namespace tiercel {

struct LoopHandlers {
  sensor::RecordHandler record;
  std::function<uint64_t()> alerts;           // made so far; while more come, the source is looked at twice as often
  std::function<bool()> tick;                 // every second; false ends the loop
  std::function<void(int signal)> on_signal;  // SIGHUP, SIGUSR1; SIGINT and SIGTERM end the loop
  // Called between two records when the descriptor is readable, which it must end.
  struct Also {
    int fd = -1;
    std::function<void()> handle;
  };
  std::vector<Also> also;
  bool stop_when_finished = false;  // a recording ends; the kernel does not
};

// Blocks the signals that it handles. Call before any thread is started, so that all threads inherit it.
void block_loop_signals();
// Of these only those that do not end the agent: for the time of the start, which Ctrl-C may end. One that comes
// meanwhile is handled when the loop runs.
void block_reload_signals();

// Runs until SIGINT, SIGTERM or the end of the source; then drains what is there once more.
Result<> run_loop(sensor::Source& source, const LoopHandlers& handlers);

}  // namespace tiercel
