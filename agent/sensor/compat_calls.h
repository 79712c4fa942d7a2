// CompatCalls: the programs behind the tracepoint of all system calls, which see 32-bit callers where hooks hang on
// tracepoints (bpf/hooks/compat.bpf.c, sensor.compat_calls). One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace tiercel::sensor {

class CompatCalls {
 public:
  // programs: the map, which outlives us.
  void set_map(int programs) { programs_ = programs; }
  // From here on, 32-bit calls of that event type go to that program.
  Result<> add(uint16_t type, const std::vector<uint32_t>& numbers, int program);
  // Takes all others away.
  void keep_only(const std::set<uint16_t>& types);
  [[nodiscard]] bool empty() const { return numbers_.empty(); }

 private:
  int programs_ = -1;
  std::map<uint16_t, std::vector<uint32_t>> numbers_;  // by event type
};

}  // namespace tiercel::sensor
