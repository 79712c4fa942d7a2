// Hold: a process by its identity. The pidfd comes first and the kernel's start time is read after it, so what is done
// through the pidfd never reaches a process that was given the pid anew. Any thread; nothing here waits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/base/fd.h"
#include "agent/response/kill.h"

namespace tiercel::response {

struct Held {
  int32_t pid = 0;
  uint64_t start_ns = 0;
  std::string name;
  Fd pidfd;
};

// Nothing: `deed` says why.
[[nodiscard]] std::optional<Held> hold_process(int32_t pid, uint64_t start_ns, const StartTimeOf& start_time_of,
                                               const WhyProtected& why, Deed& deed);
[[nodiscard]] Fd open_process(int32_t pid);                   // not valid: errno
[[nodiscard]] bool send_signal(const Fd& pidfd, int signal);  // false: errno
[[nodiscard]] bool has_ended(const Fd& pidfd, int wait_ms = 0);
[[nodiscard]] std::string process_text(const std::string& name, int32_t pid);  // "xmrig(4711)"

}  // namespace tiercel::response
