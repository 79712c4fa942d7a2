// The table of tiercel.yaml's keys. Inner to agent/config; agent/falco reads the keys that both files have with it.
#pragma once

#include <optional>
#include <string_view>

#include "agent/config/config.h"
#include "agent/config/reading.h"

namespace tiercel::config {

// Reads one key of the top level; false if tiercel.yaml has no such key.
bool read_key(Reading& reading, std::string_view key, const TreeNode& node, Config& config);

void read_config(Reading& reading, const TreeNode& root, Config& config);

// May a group's file set a key of the top level? Nothing: there is no such key.
[[nodiscard]] std::optional<FromGroup> from_group(std::string_view key);

// As read_config(), over what `config` holds.
void read_over(Reading& reading, const TreeNode& root, Config& config);

}  // namespace tiercel::config
