// Which program watches which event: bpf/schema/events.def as the sensor needs it. Constant, any thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "agent/sensor/source.h"

namespace tiercel::sensor {

inline constexpr std::string_view kSysExitPrefix = "sys_exit__", kSysEnterPrefix = "sys_enter__",
                                  kShapePrefix = "shape__";

// The task iterator that tells cpu_time: loaded where a rule asks for procinfo.
inline constexpr std::string_view kCpuTimeProgram = "process__cpu_time";

struct Hook {
  std::string_view event;  // Falco's name, which is the call's
  uint32_t hook = 0;       // bpf/schema/hook.h
  bool vital = false;      // which ring
  bool numbered = false;   // a call of this architecture: arm64 has openat and clone, and never had open or fork

  [[nodiscard]] bool is_call() const { return numbered && HOOK_SHAPE(hook) != SHAPE_NONE; }
  [[nodiscard]] uint64_t cookie(uint16_t type) const;
  [[nodiscard]] std::string exit_program() const;
  // Only where the object has one: a call that takes something down at its entry.
  [[nodiscard]] std::string enter_program() const { return std::string(kSysEnterPrefix).append(event); }
};

[[nodiscard]] const Hook& hook_of(uint16_t type);
// Event types that system calls make, wanted for rules or for state.
[[nodiscard]] std::set<uint16_t> calls_of(const Wanted& wanted);
// True for programs at a system call; the others are always loaded.
[[nodiscard]] bool is_call_program(std::string_view name);

}  // namespace tiercel::sensor
