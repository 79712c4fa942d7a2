// What the agent writes into the memory that it shares with the sensor's programs (bpf/include/maps.h): for MapGuard.
// Any thread.
#pragma once

#include <cstddef>

#include "agent/sensor/map_guard.h"

namespace tiercel::sensor {

// Bss: of the skeleton, once it is loaded; it outlives the guard's checks.
template <class Bss>
void guard_flags(MapGuard& maps, Bss& bss) {
  const auto guard = [&maps](const char* name, volatile void* at, size_t size_bytes) {
    maps.guard_memory(name, {static_cast<volatile std::byte*>(at), size_bytes});
  };
  guard("told", bss.told, sizeof bss.told);
  guard("want_env", &bss.want_env, sizeof bss.want_env);
  guard("want_threads", &bss.want_threads, sizeof bss.want_threads);
  guard("want_cgroups", &bss.want_cgroups, sizeof bss.want_cgroups);
  guard("want_stdio", &bss.want_stdio, sizeof bss.want_stdio);
  guard("want_roles", &bss.want_roles, sizeof bss.want_roles);
  guard("push_on", &bss.push_on, sizeof bss.push_on);
  guard("push_never", bss.push_never, sizeof bss.push_never);
  guard("want_verdicts", &bss.want_verdicts, sizeof bss.want_verdicts);
}

}  // namespace tiercel::sensor
