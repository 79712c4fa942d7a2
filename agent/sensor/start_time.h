// StartTimes: the kernel's start_boottime of a process, in ns, read with the task iterator. /proc has it in ticks of 10
// ms, which a pid that is given anew can share. Needs what bpf_source.h needs; loading takes 50 ms of a CPU (libbpf
// reads the kernel's types for it), a look some 20 us. Any thread.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/base/result.h"

namespace tiercel::sensor {

class StartTimes {
 public:
  // Those who ask while somebody holds it get the same.
  static Result<std::shared_ptr<StartTimes>> open();
  virtual ~StartTimes() = default;
  // Of the process with that pid in the root namespace; 0: there is none.
  virtual Result<uint64_t> of(int32_t pid) = 0;
};

}  // namespace tiercel::sensor
