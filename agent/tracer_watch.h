// TracerWatch: whether somebody traces the agent (a debugger, strace): who does can close its hooks and change what it
// remembers. One thread, once a second; a tracer that comes and goes in between is seen by the rules over ptrace alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/alert/report.h"

namespace tiercel {

[[nodiscard]] int32_t tracer_in(std::string_view status);  // of /proc/PID/status; 0: nobody

class TracerWatch {
 public:
  [[nodiscard]] std::optional<alert::Report> look();                   // at this process
  [[nodiscard]] std::optional<alert::Report> look_at(int32_t tracer);  // once for each

 private:
  int32_t tracer_ = 0;
};

}  // namespace tiercel
