#include "agent/sensor/compat_calls.h"

#include <bpf/bpf.h>

#include <cerrno>

namespace tiercel::sensor {

Result<> CompatCalls::add(uint16_t type, const std::vector<uint32_t>& numbers, int program) {
  numbers_[type] = numbers;
  for (const uint32_t& number : numbers)
    if (bpf_map_update_elem(programs_, &number, &program, BPF_ANY) != 0)
      return fail_errno("sensor.compat_calls: the kernel refuses the programs of 32-bit calls", errno);
  return {};
}

void CompatCalls::keep_only(const std::set<uint16_t>& types) {
  for (auto kept = numbers_.begin(); kept != numbers_.end();) {
    if (types.contains(kept->first)) {
      ++kept;
      continue;
    }
    for (const uint32_t& number : kept->second) (void)bpf_map_delete_elem(programs_, &number);
    kept = numbers_.erase(kept);
  }
}

}  // namespace tiercel::sensor
