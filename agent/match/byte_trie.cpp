#include "agent/match/byte_trie.h"

#include <algorithm>
#include <deque>

namespace tiercel::match {
namespace {

// Patterns [low, high) share their first `depth` bytes.
struct Range {
  size_t low, high, depth;
};

}  // namespace

std::vector<Pattern> numbered(const std::vector<std::string>& texts) {
  std::vector<Pattern> out;
  for (const std::string& text : texts) out.push_back({text, static_cast<PatternId>(out.size())});
  return out;
}

ByteTrie::ByteTrie(std::vector<Pattern> patterns) {
  if (patterns.empty()) return;
  std::sort(patterns.begin(), patterns.end(),
            [](const Pattern& a, const Pattern& b) { return a.text != b.text ? a.text < b.text : a.id < b.id; });
  std::deque<Range> todo{{0, patterns.size(), 0}};
  nodes_.emplace_back();
  bytes_.push_back(0);
  for (size_t node = 0; !todo.empty(); ++node, todo.pop_front()) {
    auto [low, high, depth] = todo.front();
    nodes_[node].first_end = static_cast<uint32_t>(ends_.size());
    for (; low < high && patterns[low].text.size() == depth; ++low) ends_.push_back(patterns[low].id);
    nodes_[node].ends = static_cast<uint16_t>(ends_.size() - nodes_[node].first_end);
    nodes_[node].first_child = static_cast<uint32_t>(nodes_.size());
    while (low < high) {
      const char byte = patterns[low].text[depth];
      size_t end = low;
      while (end < high && patterns[end].text[depth] == byte) ++end;
      todo.push_back({low, end, depth + 1});
      nodes_.emplace_back();
      bytes_.push_back(static_cast<uint8_t>(byte));
      ++nodes_[node].children;
      low = end;
    }
  }
}

// Children are in the order of their bytes.
ByteTrie::State ByteTrie::step_wide(const Node& node, uint8_t byte) const {
  const auto first = bytes_.begin() + node.first_child, last = first + node.children;
  const auto at = std::lower_bound(first, last, byte);
  return at != last && *at == byte ? node.first_child + static_cast<uint32_t>(at - first) : kNone;
}

}  // namespace tiercel::match
