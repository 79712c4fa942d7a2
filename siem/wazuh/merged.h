// merged.mg, the one file in which a manager sends the files of an agent's group: taken apart, and put together. Pure;
// any thread. The text is hostile: sizes, names and their number are checked, nothing is copied.
// Facts: Wazuh 4.14, section "Shared files".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::wazuh {

struct MergedFile {
  std::string_view name;  // may have folders: "tiercel-rules/web.yaml". Never absolute, never with "." or ".." in it
  std::string_view content;
};

struct Merged {
  std::string_view group;         // its first line, without the #; empty: none
  std::vector<MergedFile> files;  // each name once
};

inline constexpr size_t kMergedFilesMax = 10'000;

// Views into `text`. An error names the place: the line of a header, counted without the files' contents, and the file.
[[nodiscard]] Result<Merged> parse_merged(std::string_view text);

// What a manager writes: `files` in this order.
[[nodiscard]] std::string format_merged(std::string_view group, const std::vector<MergedFile>& files);

}  // namespace tiercel::wazuh
