// Hooks within calls: which function of the kernel each program of bpf/hooks/inner.bpf.c belongs to, and for which
// events it keeps what. Constant, any thread.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "agent/sensor/way.h"

namespace tiercel::sensor {

struct InnerHook {
  std::string_view program;
  std::string_view function;
  bool at_exit = false;
  bool for_trampoline = true, for_kprobe = true;
  std::string_view events;  // names of event types, with a blank on each side
};

[[nodiscard]] std::span<const InnerHook> inner_hooks();
// Those that serve one of these event types, this way.
[[nodiscard]] std::set<const InnerHook*> inner_hooks_for(const std::set<uint16_t>& types, Way way);
// Does any serve that type?
[[nodiscard]] bool has_inner_hook(uint16_t type);

}  // namespace tiercel::sensor
