// Guard: denies others to end, stop or trace the agent's processes, and to reach its maps and hooks by their ids, with
// BPF LSM (bpf/guard.bpf.c). Pid 1 may, which is how a service manager ends the agent, and the agent's own processes.
// It lasts as long as the object: a killed agent guards nothing any more. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/base/result.h"

namespace tiercel::sensor {

// Of /sys/kernel/security/lsm: loaded is not active. Nothing there: not known, so not active.
[[nodiscard]] bool lsm_list_has_bpf(std::string_view list);
[[nodiscard]] bool bpf_lsm_is_active();

class Guard {
 public:
  // An error says what the kernel lacks.
  static Result<std::unique_ptr<Guard>> open();
  virtual ~Guard() = default;
  virtual Result<> add_process(pid_t pid, uint64_t start_ns) = 0;
  // All maps and links that this process has descriptors of now.
  virtual Result<> add_own_objects() = 0;
  [[nodiscard]] virtual uint64_t denied() const = 0;
};

}  // namespace tiercel::sensor
