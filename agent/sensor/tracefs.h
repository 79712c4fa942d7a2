// Tracefs: the ids of system calls' tracepoints, and the handle that a program hangs on. No mount is made. Any thread.
// Errors say what the kernel lacks.
#pragma once

#include <string>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace tiercel::sensor {

// The folder of tracefs: a detached mount of our own, which ends with the descriptor, else the host's. Not valid: none.
[[nodiscard]] Fd open_tracefs();

// Opens the detached mount, which takes CAP_SYS_ADMIN, and keeps it for every open_tracefs() of this process that
// follows: then that needs no capability. Before the first thread.
void keep_tracefs();

// Of the tracepoint at the exit or the entry of a system call, by the kernel's name for it (Hook::kernel_name()).
Result<long> tracepoint_id(int tracefs, const std::string& call, bool enter);

// As tiercel::open_tracepoint() and tiercel::open_kprobe(), by the broker where the kernel does not give it to us.
Result<Fd> open_tracepoint(long id);
Result<Fd> open_kprobe(const std::string& function);

}  // namespace tiercel::sensor
