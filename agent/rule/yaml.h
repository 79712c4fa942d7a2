// The only door to yaml-cpp in this folder: YAML text -> a small tree that knows where every key and character was
// written. yaml-cpp's exceptions end here. Hostile input: depth, node count and alias expansion are bounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/rule/text.h"

namespace tiercel::rule {

struct YamlEntry;

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  Mark mark;
  MappedText text;                 // kScalar, decoded; each character maps to the source
  std::vector<YamlNode> items;     // kSequence
  std::vector<YamlEntry> entries;  // kMap, in order; keys that are no scalars have an empty text

  [[nodiscard]] bool is_scalar() const { return kind == Kind::kScalar; }
  [[nodiscard]] const std::string& str() const { return text.str(); }
  // The first entry of that name, or nullptr.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
  [[nodiscard]] const YamlNode* find_key(std::string_view key) const;
};

struct YamlEntry {
  YamlNode key;
  YamlNode value;
};

// All documents of a file; false (and one diagnostic, LOAD_ERR_YAML_PARSE) if it is not YAML.
[[nodiscard]] bool read_yaml(const std::string& source, const std::string* file, Diagnostics& diagnostics,
                             std::vector<YamlNode>& documents);

}  // namespace tiercel::rule
