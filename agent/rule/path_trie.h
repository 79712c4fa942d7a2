// Path prefixes for pmatch: a path matches if some member equals it or is a prefix of it by whole components. Members'
// components may be shell patterns; empty components are ignored, on both sides. Immutable once filled.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::rule {

class PathTrie {
 public:
  void add(std::string_view member);
  [[nodiscard]] bool covers(std::string_view path) const;

 private:
  struct Node {
    bool ends = false;
    std::map<std::string, std::unique_ptr<Node>, std::less<>> exact;
    std::vector<std::pair<std::string, std::unique_ptr<Node>>> patterns;
  };
  [[nodiscard]] static bool covers(const Node& node, std::string_view path);
  Node root_;
};

// Shell pattern over the whole text: * (also over /), ?, [a-z], [!x], [[:alpha:]], backslash. Linear in practice: only
// the last * is retried.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case = false);

}  // namespace tiercel::rule
