// Links that the kernel takes long to take away, one after the other, whoever closes them: a tracepoint's some 40 ms
// (kernel/trace/trace_event_perf.c, perf_trace_event_unreg() waits for a grace period under its mutex), a trampoline's
// some 0.1 s (kernel/trace/ftrace.c, ftrace_shutdown() waits for tasks to leave the old code). Deciding thread, at the
// end.
#pragma once

#include <vector>

#include "agent/base/fd.h"

namespace tiercel::sensor {

// Children of ours that have nothing but these descriptors close them while we end, side by side: some of the waiting
// is shared. Where there can be no child, they are closed here.
void leave_behind(std::vector<Fd> links);

}  // namespace tiercel::sensor
