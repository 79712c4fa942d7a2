// Way: how the sensor attaches: to the functions of the kernel, or to the tracepoints of system calls. What each sees
// and costs: ARCHITECTURE.md, "Ways to attach". Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::sensor {

enum class Way : uint8_t {
  kTracepoint,  // syscalls/sys_exit_X: everywhere; 32-bit callers are not seen, arguments come from the caller's memory
  kKprobe,      // the same exits; kprobes within calls keep the kernel's own copies of arguments
  kTrampoline,  // fentry and fexit on the functions: cheap for all other calls, sees 32-bit callers, keeps the copies
};

[[nodiscard]] std::string_view way_name(Way way);
// Names of sensor.attach. Nothing: "auto", or no such way.
[[nodiscard]] std::optional<Way> way_of(std::string_view name);

struct WayTrial {
  Way way = Way::kTracepoint;
  bool works = false;
  std::string why;  // not
};

// Tries each on this kernel with a program that does nothing: the best one first. Needs root.
[[nodiscard]] std::vector<WayTrial> try_ways();

// "auto": the best that works. Errors: that way does not work here.
Result<Way> choose_way(std::string_view asked);

}  // namespace tiercel::sensor
