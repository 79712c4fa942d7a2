// Node: a YAML document as a plain tree, with positions, after ${VAR} was replaced. What load.cpp makes of yaml-cpp's
// nodes and keys.cpp reads; inner to agent/config.
#pragma once

#include <string>
#include <vector>

namespace tiercel::config {

struct Member;

struct Node {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  std::string text;     // of a scalar, variables replaced
  std::string written;  // of a scalar, as in the file: what messages may show
  int line = 0;
  int column = 0;
  std::vector<Node> items;
  std::vector<Member> members;
};

struct Member {
  std::string key;
  int line = 0;
  int column = 0;
  Node value;
};

}  // namespace tiercel::config
