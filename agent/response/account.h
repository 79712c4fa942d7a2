// Locks the password of a local account (`usermod -L`), and unlocks it if it was we who locked it: that is noted in the
// folder `active-response/locked` of the working directory. Never root, whatever its name. It ends no session and takes
// no key away: see docs/active-response.md. Any thread; runs `usermod`.
#pragma once

#include <string>

#include "agent/response/kill.h"

namespace tiercel::response {

// Whom the alert means: dstuser, else srcuser, but not a name that only a container's passwd file gave.
[[nodiscard]] Result<std::string> account_of(const Cause& cause);
// Why it must stay; empty: it need not.
[[nodiscard]] std::string why_needed(const std::string& user);
[[nodiscard]] Deed lock_account(const std::string& user);
[[nodiscard]] Deed unlock_account(const std::string& user);

}  // namespace tiercel::response
