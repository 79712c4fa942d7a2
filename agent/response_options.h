// What the configuration says about active responses, for the responder. Pure; any thread.
#pragma once

#include "agent/config/config.h"
#include "agent/response/responder.h"

namespace tiercel {

[[nodiscard]] response::ResponderOptions response_options(const config::Config& config);

}  // namespace tiercel
