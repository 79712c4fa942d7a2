// tiercel.yaml's keys as a Markdown page, a JSON Schema and a manual page, all made from config::described_keys().
// Pure; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/config/key_info.h"

namespace tiercel::cli {

using Sections = std::map<std::string, std::string>;

// A part of the file: one table, or several of outputs by their type.
struct KeyGroup {
  std::string title;                  // "Rules"; of outputs "slack"
  std::string about;                  // what is said of the section
  bool part = false;                  // begins a part of the file; else it belongs to the part before
  std::vector<config::KeyInfo> keys;  // in the tables' order
};
[[nodiscard]] std::vector<KeyGroup> key_groups(const std::vector<config::KeyInfo>& keys, const Sections& sections);
// "a number from 1 to 65535"
[[nodiscard]] std::string value_text(const config::KeyInfo& key);
// "if allowed", for the host's group on the manager; empty for keys inside of others
[[nodiscard]] std::string group_text(const config::KeyInfo& key);

[[nodiscard]] std::string config_markdown(const std::vector<config::KeyInfo>& keys, const Sections& sections);
// Draft 7, which editors know.
[[nodiscard]] std::string config_schema(const std::vector<config::KeyInfo>& keys, const Sections& sections);

}  // namespace tiercel::cli
