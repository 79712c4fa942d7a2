// What run_agent() does before anything else, while there is one thread: the process that starts programs is forked,
// and the agent gives up what it does not need. A host whose kernel cannot do that is told so, and watched all the
// same.
#pragma once

#include "agent/app.h"

namespace tiercel {

Result<> harden(const RunOptions& options);

}  // namespace tiercel
