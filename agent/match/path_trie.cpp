#include "agent/match/path_trie.h"

#include <cctype>
#include <cstddef>

namespace tiercel::match {
namespace {

unsigned char fold(char c, bool ignore_case) {
  const auto u = static_cast<unsigned char>(c);
  return ignore_case && u >= 'A' && u <= 'Z' ? static_cast<unsigned char>(u - 'A' + 'a') : u;
}

bool in_class(std::string_view name, unsigned char c) {
  if (name == "alpha") return std::isalpha(c) != 0;
  if (name == "digit") return std::isdigit(c) != 0;
  if (name == "alnum") return std::isalnum(c) != 0;
  if (name == "upper") return std::isupper(c) != 0;
  if (name == "lower") return std::islower(c) != 0;
  if (name == "space") return std::isspace(c) != 0;
  if (name == "punct") return std::ispunct(c) != 0;
  if (name == "xdigit") return std::isxdigit(c) != 0;
  if (name == "print") return std::isprint(c) != 0;
  if (name == "graph") return std::isgraph(c) != 0;
  if (name == "cntrl") return std::iscntrl(c) != 0;
  if (name == "blank") return c == ' ' || c == '\t';
  return false;
}

// The bracket expression at pattern[at] == '['. Returns its length, 0 if it is not closed (then [ is itself).
size_t match_bracket(std::string_view pattern, size_t at, char text, bool ignore_case, bool& matched) {
  size_t n = at + 1;
  const bool negate = n < pattern.size() && (pattern[n] == '!' || pattern[n] == '^');
  if (negate) ++n;
  bool found = false;
  const unsigned char c = fold(text, ignore_case);
  for (bool first = true; n < pattern.size(); first = false) {
    if (pattern[n] == ']' && !first) {
      matched = found != negate;
      return n - at + 1;
    }
    if (pattern.substr(n).starts_with("[:")) {
      const size_t close = pattern.find(":]", n + 2);
      if (close != std::string_view::npos) {
        const auto raw = static_cast<unsigned char>(text);
        const std::string_view name = pattern.substr(n + 2, close - n - 2);
        found = found || in_class(name, raw) ||
                (ignore_case && (in_class(name, static_cast<unsigned char>(std::tolower(raw))) ||
                                 in_class(name, static_cast<unsigned char>(std::toupper(raw)))));
        n = close + 2;
        continue;
      }
    }
    if (pattern[n] == '\\' && n + 1 < pattern.size()) ++n;
    const unsigned char low = fold(pattern[n++], ignore_case);
    unsigned char high = low;
    if (n + 1 < pattern.size() && pattern[n] == '-' && pattern[n + 1] != ']') {
      ++n;
      if (pattern[n] == '\\' && n + 1 < pattern.size()) ++n;
      high = fold(pattern[n++], ignore_case);
    }
    found = found || (low <= c && c <= high);
  }
  return 0;
}

// Matches one pattern element against one character; its length in the pattern, 0 if it does not match.
size_t match_one(std::string_view pattern, size_t at, char text, bool ignore_case) {
  if (pattern[at] == '?') return 1;
  if (pattern[at] == '[') {
    bool matched = false;
    if (const size_t length = match_bracket(pattern, at, text, ignore_case, matched)) return matched ? length : 0;
  }
  size_t n = at;
  if (pattern[n] == '\\' && n + 1 < pattern.size()) ++n;
  return fold(pattern[n], ignore_case) == fold(text, ignore_case) ? n - at + 1 : 0;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case) {
  size_t p = 0, t = 0;
  size_t star = std::string_view::npos, retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
      continue;
    }
    if (p < pattern.size()) {
      if (const size_t length = match_one(pattern, p, text[t], ignore_case)) {
        p += length;
        ++t;
        continue;
      }
    }
    if (star == std::string_view::npos) return false;
    p = star + 1;
    t = ++retry;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

GlobParts parts_of_glob(std::string_view pattern) {
  GlobParts out;
  std::string run;
  bool first = true;
  const auto end_run = [&] {
    if (first) out.begin = run;
    first = false;
    if (run.size() > out.longest.size()) out.longest = run;
    run.clear();
  };
  for (size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '[') {  // where a bracket ends is for those to say who match it
      end_run();
      return out;
    }
    if (c == '*' || c == '?') {
      end_run();
      continue;
    }
    if (c == '\\' && at + 1 < pattern.size()) ++at;
    run += pattern[at];
  }
  const std::string last = run;
  end_run();
  out.end = last;
  return out;
}

bool PathTrie::next_component(std::string_view& path, std::string_view& component) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  if (path.empty()) return false;
  const size_t end = path.find('/');
  component = path.substr(0, end);
  path.remove_prefix(component.size());
  return true;
}

PathTrie::Node* PathTrie::child_of(Node& node, std::string_view component) {
  if (component.find_first_of("*?[\\") == std::string_view::npos) {
    const uint64_t hash = hash_text(component);
    const size_t at = node.place(hash, component);
    if (!node.find(component))
      node.exact.insert(node.exact.begin() + static_cast<std::ptrdiff_t>(at),
                        Exact{hash, std::string(component), std::make_unique<Node>()});
    return node.exact[at].node.get();
  }
  for (const Shape& shape : node.patterns)
    if (shape.pattern == component) return shape.node.get();
  node.patterns.push_back({std::string(component), parts_of_glob(component), std::make_unique<Node>()});
  return node.patterns.back().node.get();
}

void PathTrie::add(std::string_view member, uint32_t id) {
  Node* node = &root_;
  std::string_view component;
  while (next_component(member, component)) node = child_of(*node, component);
  node->ends.push_back(id);
}

bool PathTrie::covers(std::string_view path) const {
  return visit(root_, path, [](const std::vector<uint32_t>&) { return true; });
}

}  // namespace tiercel::match
