// Which program watches which event: bpf/schema/events.def as the sensor needs it. Constant, any thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/sensor/source.h"

namespace tiercel::sensor {

inline constexpr std::string_view kSysExitPrefix = "sys_exit__", kSysEnterPrefix = "sys_enter__",
                                  kShapePrefix = "shape__", kCallPrefix = "call__", kInnerPrefix = "inner__",
                                  kUringPrefix = "uring__", kSocketcallPrefix = "socketcall__",
                                  kCompatPrefix = "compat__";

// The task iterator that tells cpu_time: loaded where a rule asks for procinfo.
inline constexpr std::string_view kCpuTimeProgram = "process__cpu_time";

struct Hook {
  std::string_view event;  // Falco's name, which is the call's
  uint32_t hook = 0;       // bpf/schema/hook.h
  bool vital = false;      // which ring
  int number = -1;         // of the call; -1: none of this architecture (arm64 has openat, and never had open or fork)

  [[nodiscard]] bool is_call() const { return number >= 0 && HOOK_SHAPE(hook) != SHAPE_NONE; }
  [[nodiscard]] uint64_t cookie(uint16_t type) const;
  // At the tracepoint, where calls of one shape share a program, and at the call's own function.
  [[nodiscard]] std::string exit_program() const;
  [[nodiscard]] std::string function_program() const;
  // The kernel's name for the call, and what its own function may be called, the first that there is.
  [[nodiscard]] std::string kernel_name() const;
  [[nodiscard]] std::vector<std::string> functions(bool for_32_bit) const;
  // Its arguments point to what 32-bit callers lay out otherwise.
  [[nodiscard]] bool is_wide() const;
  // Its exit can do without the program at its entry, at a price (bpf/hooks/descriptor.bpf.c).
  [[nodiscard]] bool entry_may_lack() const { return event == "pivot_root"; }
  // Only where the object has one: a call that takes something down at its entry.
  [[nodiscard]] std::string enter_program() const { return std::string(kSysEnterPrefix).append(event); }
};

[[nodiscard]] const Hook& hook_of(uint16_t type);
// Event types that system calls make, wanted for rules or for state.
[[nodiscard]] std::set<uint16_t> calls_of(const Wanted& wanted);
// True for programs at a system call and at io_uring; the others are always loaded.
[[nodiscard]] bool is_call_program(std::string_view name);

}  // namespace tiercel::sensor
