// Path prefixes for pmatch: a path matches if some member equals it or is a prefix of it by whole components. Members'
// components may be shell patterns; empty components are ignored, on both sides. Immutable once filled.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/match/exact_texts.h"

namespace tiercel::match {

// Shell pattern over the whole text: * (also over /), ?, [a-z], [!x], [[:alpha:]], backslash. Linear in practice: only
// the last * is retried.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case = false);

// What every text has that a shell pattern matches.
struct GlobParts {
  std::string begin, end;  // before the first and behind the last of *, ? and brackets
  std::string longest;     // of the plain runs, with these two
};
[[nodiscard]] GlobParts parts_of_glob(std::string_view pattern);

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
  struct Node;
  struct Exact {
    uint64_t hash = 0;
    std::string text;
    std::unique_ptr<Node> node;
  };
  struct Shape {
    std::string pattern;
    GlobParts parts;
    std::unique_ptr<Node> node;
    [[nodiscard]] bool matches(std::string_view component) const {
      return component.starts_with(parts.begin) && component.ends_with(parts.end) &&
             (pattern == "*" || glob_match(pattern, component));
    }
  };
  struct Node {
    std::vector<uint32_t> ends;  // members that end here
    std::vector<Exact> exact;    // by hash
    std::vector<Shape> patterns;
    // Where the component is, or would have to be put.
    [[nodiscard]] size_t place(uint64_t hash, std::string_view text) const {
      const auto less = [&](const Exact& each) { return each.hash < hash || (each.hash == hash && each.text < text); };
      return static_cast<size_t>(std::partition_point(exact.begin(), exact.end(), less) - exact.begin());
    }
    [[nodiscard]] const Node* find(std::string_view component) const {
      if (exact.empty()) return nullptr;
      const uint64_t hash = hash_text(component);
      const size_t at = place(hash, component);
      return at < exact.size() && exact[at].hash == hash && exact[at].text == component ? exact[at].node.get()
                                                                                        : nullptr;
    }
  };
  static Node* child_of(Node& node, std::string_view component);
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
  if (const Node* child = node.find(component); child && visit(*child, path, ends)) return true;
  for (const Shape& shape : node.patterns)
    if (shape.matches(component) && visit(*shape.node, path, ends)) return true;
  return false;
}

}  // namespace tiercel::match
