// A folder as a manager's etc/shared/GROUP: its files as one merged.mg, and a number that tells whether they changed.
// Reads the disk; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace tiercel::wazuh {

// By name, folders within it too; hidden files and merged.mg are left out, as by a manager. ar.conf comes first: the
// folder's, or else `ar_conf`.
[[nodiscard]] Result<std::string> merge_folder(const std::string& path, std::string_view ar_conf);

// Of names, sizes and times.
[[nodiscard]] uint64_t stamp_of_folder(const std::string& path);

}  // namespace tiercel::wazuh
