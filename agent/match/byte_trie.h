// ByteTrie: many texts, each with a number, walked a byte at a time. Nodes are numbered breadth first, so that the
// children of a node lie side by side and the nodes near the root lie together. Immutable once built; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::match {

using PatternId = uint32_t;
struct Pattern {
  std::string_view text;  // has to live until the structure is built
  PatternId id = 0;
};

// Each by its place; they borrow the texts.
[[nodiscard]] std::vector<Pattern> numbered(const std::vector<std::string>& texts);

class ByteTrie {
 public:
  using State = uint32_t;
  static constexpr State kRoot = 0;
  static constexpr State kNone = UINT32_MAX;

  ByteTrie() = default;
  explicit ByteTrie(std::vector<Pattern> patterns);

  [[nodiscard]] State step(State state, uint8_t byte) const {
    const Node& node = nodes_[state];
    const uint8_t* bytes = bytes_.data() + node.first_child;
    if (node.children > kFewChildren) return step_wide(node, byte);
    for (uint32_t n = 0; n < node.children; ++n)
      if (bytes[n] == byte) return node.first_child + n;
    return kNone;
  }
  // Patterns that end at this node.
  [[nodiscard]] std::span<const PatternId> ends(State state) const {
    const Node& node = nodes_[state];
    return {ends_.data() + node.first_end, node.ends};
  }
  struct Child {
    State state;
    uint8_t byte;
  };
  [[nodiscard]] size_t child_count(State state) const { return nodes_[state].children; }
  [[nodiscard]] Child child(State state, size_t n) const {
    const State at = nodes_[state].first_child + static_cast<State>(n);
    return {at, bytes_[at]};
  }
  [[nodiscard]] uint8_t byte(State state) const { return bytes_[state]; }  // that leads to it
  [[nodiscard]] size_t size() const { return nodes_.size(); }
  [[nodiscard]] bool empty() const { return nodes_.empty(); }

  // Calls found(id) for every pattern that `text` begins with; backwards: every one whose reverse it ends with.
  template <class Found>
  void prefixes(std::string_view text, bool backwards, Found&& found) const {
    if (empty()) return;
    State state = kRoot;
    for (size_t n = 0;; ++n) {
      for (PatternId id : ends(state)) found(id);
      if (n == text.size()) return;
      state = step(state, static_cast<uint8_t>(backwards ? text[text.size() - 1 - n] : text[n]));
      if (state == kNone) return;
    }
  }

 private:
  static constexpr uint32_t kFewChildren = 6;
  struct Node {
    uint32_t first_child = 0;
    uint32_t first_end = 0;
    uint16_t children = 0;
    uint16_t ends = 0;
  };
  [[nodiscard]] State step_wide(const Node& node, uint8_t byte) const;

  std::vector<Node> nodes_;
  std::vector<uint8_t> bytes_;  // by node: the byte that leads to it
  std::vector<PatternId> ends_;
};

}  // namespace tiercel::match
