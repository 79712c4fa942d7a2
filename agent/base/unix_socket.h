// A Unix socket of datagrams, as log daemons and agents' queues have them. Any thread.
#pragma once

#include <string>

#include "agent/base/fd.h"

namespace tiercel {

// Connected, and not blocking. Not valid where nobody listens: errno says why.
[[nodiscard]] Fd connect_unix_datagrams(const std::string& path);

}  // namespace tiercel
