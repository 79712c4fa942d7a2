#include "agent/casefile/map_reader.h"

#include <algorithm>
#include <charconv>

#include "agent/rule/item_reader.h"
#include "agent/rule/names.h"

namespace tiercel::casefile {

using rule::YamlNode;

MapReader::MapReader(const YamlNode& node, std::string what, Diagnostics& diagnostics)
    : node_(node), what_(std::move(what)), diagnostics_(diagnostics) {
  if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kNull)
    error(node, what_ + " has to be a map of `key: value`");
}

void MapReader::error(const YamlNode& at, std::string message, std::string hint) {
  diagnostics_.error(at.mark.position(), std::move(message), std::move(hint));
}

const YamlNode* MapReader::node(std::string_view key) {
  known_.push_back(key);
  return node_.find(key);
}

std::optional<std::string> MapReader::text(std::string_view key) {
  const YamlNode* value = node(key);
  if (!value) return std::nullopt;
  if (value->is_scalar()) return value->str();
  error(*value, "`" + std::string(key) + "` takes one text");
  return std::nullopt;
}

std::optional<bool> MapReader::boolean(std::string_view key) {
  const YamlNode* value = node(key);
  if (!value) return std::nullopt;
  if (value->is_scalar())
    if (const auto word = rule::parse_yaml_bool(value->str())) return word;
  error(*value, "`" + std::string(key) + "` is true or false");
  return std::nullopt;
}

std::optional<int64_t> MapReader::number(std::string_view key, int64_t least, int64_t most) {
  const YamlNode* value = node(key);
  if (!value) return std::nullopt;
  int64_t out = 0;
  const std::string text = value->is_scalar() ? value->str() : std::string();
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (!text.empty() && code == std::errc() && end == text.data() + text.size() && out >= least && out <= most)
    return out;
  error(*value,
        "`" + std::string(key) + "` is a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

std::optional<std::vector<std::string>> MapReader::texts(std::string_view key) {
  const YamlNode* value = node(key);
  if (!value) return std::nullopt;
  auto out = texts_of(*value);
  if (!out) error(*value, "`" + std::string(key) + "` takes a text or a list of texts");
  return out;
}

void MapReader::finish() {
  std::vector<std::string_view> seen;
  for (const rule::YamlEntry& entry : node_.entries) {
    const std::string& name = entry.key.str();
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) error(entry.key, "`" + name + "` is given twice");
    seen.push_back(name);
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string near = rule::nearest(name, known_);
    std::string all;
    for (std::string_view key : known_) all += (all.empty() ? "" : ", ") + std::string(key);
    error(entry.key, what_ + " has no key `" + name + "`",
          near.empty() ? "its keys: " + all : "did you mean `" + near + "`?");
  }
}

std::optional<std::vector<std::string>> texts_of(const YamlNode& node) {
  if (node.is_scalar()) return std::vector<std::string>{node.str()};
  if (node.kind != YamlNode::Kind::kSequence) return std::nullopt;
  std::vector<std::string> out;
  for (const YamlNode& item : node.items) {
    if (!item.is_scalar()) return std::nullopt;
    out.push_back(item.str());
  }
  return out;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  bool open = false;
  char quote = 0;
  for (size_t n = 0; n < text.size(); ++n) {
    const char c = text[n];
    if (quote == 0 && rule::is_blank(c)) {
      if (open) out.push_back(std::move(word));
      word.clear();
      open = false;
      continue;
    }
    open = true;
    if (quote != '\'' && c == '\\' && n + 1 < text.size())
      word += text[++n];
    else if (quote == 0 && (c == '"' || c == '\''))
      quote = c;
    else if (c == quote)
      quote = 0;
    else
      word += c;
  }
  if (open) out.push_back(std::move(word));
  return out;
}

}  // namespace tiercel::casefile
