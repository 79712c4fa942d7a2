// Fingerprints of what a reload would read: the configuration file and the rule files, in order, whether they are
// there or not. Two readings that give the same content give the same number. Reads the disk, never blocks on what is
// no regular file; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tiercel::reload {

// The files that a path stands for: itself, or the rule files of a folder.
[[nodiscard]] std::vector<std::string> files_of(const std::string& path);

// By names and bytes.
[[nodiscard]] uint64_t content_of(const std::vector<std::string>& paths);

// By names, sizes, inodes and times: cheap, and different whenever the content is, but for what a clock's tick hides.
[[nodiscard]] uint64_t stamp_of(const std::vector<std::string>& paths);

}  // namespace tiercel::reload
