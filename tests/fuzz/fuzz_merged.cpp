// merged.mg from a manager, and what the agent takes of it. Whatever is accepted must come out the same when it is put
// together and taken apart again, and no name may leave its folder.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "agent/group/group_set.h"
#include "siem/wazuh/merged.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tiercel;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(group::read_set("0123456789abcdef0123456789abcdef", text));
  const auto merged = wazuh::parse_merged(text);
  if (!merged) return 0;
  const std::string again = wazuh::format_merged(merged->group, merged->files);
  const auto same = wazuh::parse_merged(again);
  if (!same || same->files.size() != merged->files.size()) std::abort();
  for (size_t i = 0; i < merged->files.size(); ++i) {
    const wazuh::MergedFile& file = merged->files[i];
    if (same->files[i].name != file.name || same->files[i].content != file.content) std::abort();
    const std::filesystem::path path = std::filesystem::path("/folder") / file.name;
    if (path.lexically_normal() != path || path.string().find("/folder/") != 0) std::abort();
  }
  return 0;
}
