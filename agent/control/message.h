// The lines of the control socket's protocol, both ways. Pure; any thread. Inner to agent/control.
#pragma once

#include <map>
#include <string>

#include "agent/base/result.h"
#include "agent/control/control_server.h"

namespace tiercel::control {

// A flat JSON object with a text member "command". Hostile input: depth, encoding and size are bounded.
Result<Request> parse_request(const std::string& line);
[[nodiscard]] std::string request_line(const std::string& command, const std::map<std::string, std::string>& arguments);

// The message of {"error":"..."}; empty when the reply is no error.
[[nodiscard]] std::string error_of(const std::string& reply);

}  // namespace tiercel::control
