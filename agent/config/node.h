// TreeNode: a YAML document as a plain tree, with positions, after ${VAR} was replaced: what load.cpp makes of
// yaml-cpp's events and keys.cpp reads. For agent/config, and for agent/falco, which reads falco.yaml with it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::config {

struct Member;

struct TreeNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  std::string text;     // of a scalar, variables replaced
  std::string written;  // of a scalar, as in the file: what messages may show
  int line = 0;
  int column = 0;
  std::shared_ptr<const std::string> file;  // how messages name it: a tree may be put together from several
  std::vector<TreeNode> items;
  std::vector<Member> members;

  // The value of the first member of that name, or nullptr.
  [[nodiscard]] const TreeNode* find(std::string_view key) const;
};

struct Member {
  std::string key;
  int line = 0;
  int column = 0;
  TreeNode value;
};

inline const TreeNode* TreeNode::find(std::string_view key) const {
  for (const Member& member : members)
    if (member.key == key) return &member.value;
  return nullptr;
}

}  // namespace tiercel::config
