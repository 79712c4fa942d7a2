// A group's tiercel.yaml over the host's configuration.
#include <algorithm>
#include <string>
#include <utility>

#include "agent/config/keys.h"
#include "agent/config/load.h"
#include "agent/config/text.h"

namespace tiercel::config {
namespace {

// The file without the keys that the group may not set; each of those is an error.
TreeNode permitted(Reading& reading, const TreeNode& root, const std::vector<std::string>& allow) {
  TreeNode out = root;
  out.members.clear();
  for (const Member& member : root.members) {
    const FromGroup may = from_group(member.key).value_or(FromGroup::kYes);  // an unknown key is told of as such
    const bool allowed = std::find(allow.begin(), allow.end(), member.key) != allow.end();
    if (may == FromGroup::kYes || (may == FromGroup::kIfAllowed && allowed)) {
      out.members.push_back(member);
      continue;
    }
    TreeNode place;
    place.line = member.line;
    place.column = member.column;
    reading.enter(member.key);
    if (may == FromGroup::kNever)
      reading.error(place, "is the host's own: no group may set it", "take it out of the group's file");
    else
      reading.error(place, "is not for a group to set, unless the host allows it",
                    "on the host: group_configuration: {allow: [" + member.key + "]}");
    reading.leave();
  }
  return out;
}

}  // namespace

std::optional<Config> lay_over(const Config& host, const std::string& text, const std::string& file,
                               Diagnostics& diagnostics) {
  if (text.size() > kFileBytesMax) {
    diagnostics.error({file, 0, 0}, "is larger than " + std::to_string(kFileBytesMax) + " bytes");
    return std::nullopt;
  }
  const size_t errors_before = diagnostics.errors();
  TreeNode root;
  Config config = host;
  // Without an environment: it is the host's, and nothing for a manager to see.
  if (read_tree(text, file, diagnostics, root, nullptr)) {
    Reading reading(file, diagnostics);
    read_over(reading, permitted(reading, root, host.group_configuration.allow), config);
  }
  if (diagnostics.errors() > errors_before) return std::nullopt;
  return config;
}

}  // namespace tiercel::config
