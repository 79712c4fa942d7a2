// TreeNode: a YAML document as a plain tree, with positions, after ${VAR} was replaced: what load.cpp makes of
// yaml-cpp's events and keys.cpp reads. Inner to agent/config.
#pragma once

#include <string>
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
  std::vector<TreeNode> items;
  std::vector<Member> members;
};

struct Member {
  std::string key;
  int line = 0;
  int column = 0;
  TreeNode value;
};

}  // namespace tiercel::config
