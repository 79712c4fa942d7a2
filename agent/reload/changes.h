// What of a configuration takes effect at a reload, and what only at a start. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "agent/config/config.h"

namespace tiercel::reload {

// `running` with those keys of `read` that a reload applies: the rules and what is made of them, and how the agent
// watches and reports.
[[nodiscard]] config::Config applied(const config::Config& running, const config::Config& read);

// The keys in which the two differ although a reload would not change them.
[[nodiscard]] std::vector<std::string> keys_that_need_a_restart(const config::Config& running,
                                                                const config::Config& read);

}  // namespace tiercel::reload
