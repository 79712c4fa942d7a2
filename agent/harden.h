// What run_agent() does before anything else, while there is one thread: the process that starts programs is forked,
// and the agent gives up what it does not need. A host whose kernel cannot do that is told so, and watched all the
// same.
#pragma once

#include <functional>

#include "agent/app.h"

namespace tiercel {

// What `run` returns. That process is waited for, a second at most: a service manager had better find none of ours
// after a stop.
Result<> hardened(const RunOptions& options, const std::function<Result<>()>& run);

}  // namespace tiercel
