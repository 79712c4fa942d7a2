// `-o key=value`: paths into falco.yaml's tree, as Falco writes them, and what they put there. Pure; any thread.
//
//   path := key { "[" [number] "]" } { "." key { ... } }     [] is a new entry at the end of the list
//
// \. \[ and \\ stand for the character itself in a key. A value that begins with { or [ is YAML (JSON is YAML).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/base/result.h"
#include "agent/config/load.h"
#include "agent/config/node.h"

namespace tiercel::falco {

struct Step {
  enum class Kind { kKey, kIndex, kAppend };
  Kind kind = Kind::kKey;
  std::string key;
  size_t index = 0;
  bool operator==(const Step&) const = default;
};

[[nodiscard]] Result<std::vector<Step>> parse_path(std::string_view path);

// What the path names, or nullptr; [] names nothing.
[[nodiscard]] const config::TreeNode* find_node(const config::TreeNode& root, const std::vector<Step>& path);

// Puts "key=value" into the tree; what is wrong with it is an error at the position "-o key".
void apply_option(const std::string& option, config::TreeNode& root, Diagnostics& diagnostics,
                  const config::Environment& environment);

}  // namespace tiercel::falco
