// PauseWatch: whether the agent itself stood still: stopped by a signal, held by a tracer, frozen, or without a CPU.
// What did not fit into the kernel's rings in that time was not seen. Deciding thread, once a second.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/alert/report.h"
#include "agent/base/clock.h"

namespace tiercel {

class PauseWatch {
 public:
  static constexpr uint64_t kPauseNs = 5'000'000'000;  // between two ticks; the sleep of the host does not count

  // lost: events, in all; seen: the state in which the witness saw the agent, '\0' if it did not.
  [[nodiscard]] std::optional<alert::Report> look(const Clock& clock, uint64_t lost, char seen);

 private:
  uint64_t looked_ns_ = 0, realtime_ns_ = 0, lost_ = 0;
};

}  // namespace tiercel
