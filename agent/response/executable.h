// May root run this file? Only if nobody but root could have written it, or put it there: the file and every folder
// above it belong to root (or to who we are) and others may not write there; a sticky folder like /tmp is fine, since
// nobody takes another's file away in it. Any thread; touches the disk.
#pragma once

#include <string>

#include "agent/base/result.h"

namespace tiercel::response {

// Errors name the file or folder, what is wrong with it and the way out.
[[nodiscard]] Result<> check_executable(const std::string& path);
// The same for a file that is only read.
[[nodiscard]] Result<> check_owned(const std::string& path);

}  // namespace tiercel::response
