// The handle that a kprobe's program hangs on: perf_event_open(2). Any thread.
#pragma once

#include <string>

#include "agent/base/fd.h"

namespace tiercel {

// At the beginning of that function of the kernel's. Not valid: errno says why; ENOENT: the kernel has no kprobes, or
// no such function.
[[nodiscard]] Fd open_kprobe(const std::string& function);

}  // namespace tiercel
