// ClockWatch: whether somebody set the clock of the host. Alerts carry the wall clock's time; who reads them has to
// know when it jumped, and an attacker may have been the one. Deciding thread, once a second.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/alert/report.h"
#include "agent/base/clock.h"

namespace tiercel {

class ClockWatch {
 public:
  static constexpr int64_t kJumpMs = 5'000;  // less is what time services do when they put a clock right

  [[nodiscard]] std::optional<alert::Report> look(const Clock& clock);

 private:
  std::optional<int64_t> offset_ms_;  // of the wall clock to the clock that nobody can set
};

}  // namespace tiercel
