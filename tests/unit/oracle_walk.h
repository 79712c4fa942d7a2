// The slow, obvious reading of a condition: a walk over its tree, by the facts that an event was made of. Nothing here
// is shared with the engine: no operator, transformer, list, macro or field code.
#pragma once

#include <fnmatch.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace tiercel::rule::oracle {

// ---- facts: what an event is made of
// ---------------------------------------------------------------------------------

struct Fact {
  enum Kind { kMissing, kText, kNumber, kBool, kIp } kind = kMissing;
  std::string text;
  int64_t number = 0;
  uint32_t ip = 0;  // host order
};
inline Fact text_fact(std::string v) {
  return {Fact::kText, std::move(v), 0, 0};
}
inline Fact number_fact(int64_t v) {
  return {Fact::kNumber, {}, v, 0};
}
inline Fact bool_fact(bool v) {
  return {Fact::kBool, {}, v, 0};
}
inline Fact ip_fact(uint32_t v) {
  return {Fact::kIp, {}, 0, v};
}

struct Facts {
  std::map<std::string, std::vector<Fact>> values;  // several: ancestors, or the two ends of a connection
  std::vector<Fact> of(const std::string& field) const {
    auto it = values.find(field);
    return it == values.end() ? std::vector<Fact>{} : it->second;
  }
};

// ---- rules: written as text, kept as a tree
// --------------------------------------------------------------------------

struct Check {
  std::string field, op, modifier;
  std::vector<std::string> values;
  std::string transformer = {};  // around the field
  std::string right = {};        // a field instead of values
};
struct Tree {
  enum Kind { kAnd, kOr, kNot, kCheck } kind = kCheck;
  std::vector<Tree> children;
  Check check;
};

// ---- the walk
// --------------------------------------------------------------------------------------------------------

inline std::string lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return text;
}

inline std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> out;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '/');)
    if (!part.empty()) out.push_back(part);
  return out;
}

// The few patterns that the generator writes, each said in C++.
inline bool regex_by_hand(const std::string& pattern, const std::string& text) {
  if (pattern == "sh") return text == "sh";
  if (pattern == "bash|sh") return text == "bash" || text == "sh";
  if (pattern == "b.*") return !text.empty() && text[0] == 'b';
  if (pattern == ".*/.*") return text.find('/') != std::string::npos;
  if (pattern.empty()) return text.empty();
  if (pattern == "[a-z]*") return std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (pattern == ".*/(passwd|shadow)") return text.ends_with("/passwd") || text.ends_with("/shadow");
  if (pattern == "(.* )?bash( .*)?") return (" " + text + " ").find(" bash ") != std::string::npos;
  size_t s = 0, h = 0, at = 0;  // s+h+d
  while (at < text.size() && text[at] == 's') ++s, ++at;
  while (at < text.size() && text[at] == 'h') ++h, ++at;
  return s > 0 && h > 0 && text.substr(at) == "d";
}

inline bool compare_text(const std::string& op, const std::string& a, const std::string& b) {
  if (op == "=" || op == "in" || op == "intersects") return a == b;
  if (op == "!=") return a != b;
  if (op == "contains") return a.find(b) != std::string::npos;
  if (op == "icontains") return lowered(a).find(lowered(b)) != std::string::npos;
  if (op == "startswith") return a.rfind(b, 0) == 0;
  if (op == "endswith") return a.size() >= b.size() && a.compare(a.size() - b.size(), b.size(), b) == 0;
  if (op == "glob") return fnmatch(b.c_str(), a.c_str(), 0) == 0;
  if (op == "iglob") return fnmatch(lowered(b).c_str(), lowered(a).c_str(), 0) == 0;
  if (op == "regex") return regex_by_hand(b, a);
  const auto path = components(a), prefix = components(b);  // pmatch
  if (prefix.size() > path.size()) return false;
  for (size_t n = 0; n < prefix.size(); ++n)
    if (fnmatch(prefix[n].c_str(), path[n].c_str(), 0) != 0) return false;
  return true;
}

inline bool compare_ip(const std::string& op, uint32_t ip, const std::string& value) {
  if (value.find(':') != std::string::npos) return op == "!=";
  unsigned a = 0, b = 0, c = 0, d = 0, bits = 32;
  std::sscanf(value.c_str(), "%u.%u.%u.%u/%u", &a, &b, &c, &d, &bits);
  const uint64_t base = (uint64_t{a} << 24) + (b << 16) + (c << 8) + d;
  const bool same = (uint64_t{ip} >> (32 - bits)) == (base >> (32 - bits));
  return (op == "!=") != same;
}

inline bool compare_number(const std::string& op, int64_t a, int64_t b) {
  if (op == "=" || op == "in") return a == b;
  if (op == "!=") return a != b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  return op == ">" ? a > b : a >= b;
}

inline bool one_value(const Check& check, const Fact& fact, const std::string& value) {
  switch (fact.kind) {
    case Fact::kText:
      return compare_text(check.op, fact.text, value);
    case Fact::kNumber:
      return compare_number(check.op, fact.number, std::stoll(value));
    case Fact::kBool:
      return (value == (fact.number ? "true" : "false")) != (check.op == "!=");
    case Fact::kIp:
      return compare_ip(check.op, fact.ip, value);
    case Fact::kMissing:
      return false;
  }
  return false;
}

inline bool one_fact(const Check& check, const Fact& fact) {
  std::vector<std::string> values = check.values;
  if (check.field == "fd.net" && check.op == "in") values.resize(1);
  const auto hits = static_cast<size_t>(
      std::count_if(values.begin(), values.end(), [&](const std::string& v) { return one_value(check, fact, v); }));
  if (check.modifier == "oneof") return hits == 1;
  if (check.modifier == "allof") return !values.empty() && hits == values.size();
  return hits > 0;
}

inline Fact transformed(const std::string& name, const Fact& fact) {
  if (name == "len") return number_fact(static_cast<int64_t>(fact.text.size()));
  if (name == "basename") return text_fact(fact.text.substr(fact.text.rfind('/') + 1));
  if (name == "tolower") return text_fact(lowered(fact.text));
  std::string upper = fact.text;
  for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return text_fact(upper);
}

inline bool judge(const Tree& tree, const Facts& facts) {
  if (tree.kind == Tree::kNot) return !judge(tree.children[0], facts);
  if (tree.kind == Tree::kAnd)
    return std::all_of(tree.children.begin(), tree.children.end(), [&](const Tree& t) { return judge(t, facts); });
  if (tree.kind == Tree::kOr)
    return std::any_of(tree.children.begin(), tree.children.end(), [&](const Tree& t) { return judge(t, facts); });
  std::vector<Fact> values = facts.of(tree.check.field);
  if (tree.check.op == "exists") return !values.empty();
  if (!tree.check.right.empty()) {
    const std::vector<Fact> other = facts.of(tree.check.right);
    if (values.empty() || other.empty()) return false;
    if (values[0].kind == Fact::kNumber) return compare_number(tree.check.op, values[0].number, other[0].number);
    return compare_text(tree.check.op, values[0].text, other[0].text);
  }
  if (!tree.check.transformer.empty() && !values.empty()) values = {transformed(tree.check.transformer, values[0])};
  const bool ends = tree.check.field == "fd.ip" || tree.check.field == "fd.net" || tree.check.field == "fd.port";
  auto holds_for = [&](const Fact& fact) { return one_fact(tree.check, fact); };
  if (ends && tree.check.op == "!=") return !values.empty() && std::all_of(values.begin(), values.end(), holds_for);
  return std::any_of(values.begin(), values.end(), holds_for);
}

}  // namespace tiercel::rule::oracle
