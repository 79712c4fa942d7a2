// The two halves of give_up(). Inner to agent/hardening.
#pragma once

#include <cstdint>
#include <string>

#include "agent/base/result.h"

namespace tiercel::hardening {

// Of those that this process has, it keeps kept_capabilities(); the bounding set follows where CAP_SETPCAP allows it.
// `nice_too`: and CAP_SYS_NICE.
Result<> drop_capabilities(bool nice_too);

Result<> drop_all_capabilities();

// Of every thread to come; sets no_new_privs, too.
Result<> filter_system_calls();

}  // namespace tiercel::hardening
