// The handle that a program of a tracepoint hangs on: perf_event_open(2). Any thread.
#pragma once

#include "agent/base/fd.h"

namespace tiercel {

// The tracepoint itself fires on every CPU; the perf event is only the handle. Not valid: errno says why.
[[nodiscard]] Fd open_tracepoint(long id);

}  // namespace tiercel
