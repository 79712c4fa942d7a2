// Links that the kernel takes long to take away: a trampoline's, some 0.1 s each, one after the other, whoever closes
// them (kernel/trace/ftrace.c, ftrace_shutdown() waits for tasks to leave the old code). Deciding thread, at the end.
#pragma once

#include <vector>

#include "agent/base/fd.h"

namespace tiercel::sensor {

// A child of ours that has nothing but these descriptors closes them while we end. Where there can be no child, they
// are closed here.
void leave_behind(std::vector<Fd> links);

}  // namespace tiercel::sensor
