// Path prefixes for pmatch: a path matches if some member equals it or is a prefix of it by whole components. Members'
// components may be shell patterns; empty components are ignored, on both sides. Immutable once filled.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::match {

// Shell pattern over the whole text: * (also over /), ?, [a-z], [!x], [[:alpha:]], backslash. Linear in practice: only
// the last * is retried.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case = false);

class PathTrie {
 public:
  void add(std::string_view member, uint32_t id = 0);
  [[nodiscard]] bool covers(std::string_view path) const;
  // Calls found(id) for every member that covers the path.
  template <class Found>
  void find(std::string_view path, Found&& found) const {
    visit(root_, path, [&](const std::vector<uint32_t>& ids) {
      for (uint32_t id : ids) found(id);
      return false;
    });
  }

 private:
  struct Node {
    std::vector<uint32_t> ends;  // members that end here
    std::map<std::string, std::unique_ptr<Node>, std::less<>> exact;
    std::vector<std::pair<std::string, std::unique_ptr<Node>>> patterns;
  };
  // The first component of path; path moves behind it. False: there is none.
  static bool next_component(std::string_view& path, std::string_view& component);
  // Calls ends(ids) for every node on the way that has some; true as soon as that returns true.
  template <class Ends>
  static bool visit(const Node& node, std::string_view path, Ends&& ends);
  Node root_;
};

template <class Ends>
bool PathTrie::visit(const Node& node, std::string_view path, Ends&& ends) {
  if (!node.ends.empty() && ends(node.ends)) return true;
  std::string_view component;
  if (!next_component(path, component)) return false;
  if (auto it = node.exact.find(component); it != node.exact.end() && visit(*it->second, path, ends)) return true;
  for (const auto& [pattern, child] : node.patterns)
    if (glob_match(pattern, component) && visit(*child, path, ends)) return true;
  return false;
}

}  // namespace tiercel::match
