// The other end of control_server.h: one request, one reply. Blocks up to timeout_ms; any thread.
// Errors name the way out: the agent does not run (Fault::kHost), the caller may not talk to it (Fault::kUser).
#pragma once

#include <map>
#include <string>

#include "agent/base/result.h"

namespace tiercel::control {

inline constexpr int kCallTimeoutMs = 5'000;

// The reply's line, without its line break: JSON. A reply {"error": "..."} becomes an Error with that message.
Result<std::string> call(const std::string& socket_path, const std::string& command,
                         const std::map<std::string, std::string>& arguments = {}, int timeout_ms = kCallTimeoutMs);

}  // namespace tiercel::control
