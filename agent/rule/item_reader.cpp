#include "agent/rule/item_reader.h"

#include <algorithm>
#include <charconv>

#include "agent/rule/names.h"

namespace tiercel::rule {

std::optional<bool> parse_yaml_bool(std::string_view word) {
  std::string lower(word);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::string upper = lower, capital = lower;
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (!capital.empty()) capital[0] = upper[0];
  if (word != lower && word != upper && word != capital) return std::nullopt;
  if (lower == "true" || lower == "yes" || lower == "on" || lower == "y") return true;
  if (lower == "false" || lower == "no" || lower == "off" || lower == "n") return false;
  return std::nullopt;
}

std::optional<uint32_t> parse_yaml_number(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  int base = 10;
  if (word.starts_with("0x") || word.starts_with("0X")) {
    base = 16;
    word.remove_prefix(2);
  } else if (word.size() > 1 && word.starts_with('0')) {
    base = 8;
  }
  uint32_t out = 0;
  auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), out, base);
  if (word.empty() || code != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return out;
}

void ItemReader::error(const Mark& mark, std::string message, std::string hint, std::string code) {
  ++errors_;
  diagnostics_.add(
      {Diagnostic::Severity::kError, std::move(code), std::move(message), std::move(hint), subject_, mark.position()});
}

void ItemReader::warning(const Mark& mark, std::string message, std::string hint, std::string code) {
  diagnostics_.add({Diagnostic::Severity::kWarning, std::move(code), std::move(message), std::move(hint), subject_,
                    mark.position()});
}

std::optional<MappedText> ItemReader::text(std::string_view key) {
  const std::string name(key);
  const YamlNode* value = item_.find(key);
  if (!value) {
    error(item_.mark, "Item has no mapping for key '" + name + "'", "add `" + name + ":` to the " + kind_);
    return std::nullopt;
  }
  if (!scalar(key, *value, "'" + name + "' takes one text")) return std::nullopt;
  return value->text;
}

const YamlNode* ItemReader::scalar(std::string_view key, const YamlNode& value, const std::string& hint) {
  const Mark mark = value.mark.line > 0 ? value.mark : item_.find_key(key)->mark;
  if (value.kind == YamlNode::Kind::kNull)
    error(item_.find_key(key)->mark, "Mapping for key '" + std::string(key) + "' is empty", hint);
  else if (!value.is_scalar())
    error(mark, "Value is not a scalar value", hint);
  else if (value.str().empty())
    error(mark, "Value must be non-empty", hint);
  else
    return &value;
  return nullptr;
}

std::optional<bool> ItemReader::boolean(std::string_view key) {
  const YamlNode* value = item_.find(key);
  if (!value) return std::nullopt;
  const std::string hint = "'" + std::string(key) + "' is true or false";
  if (!scalar(key, *value, hint)) return std::nullopt;
  auto parsed = parse_yaml_bool(value->str());
  if (!parsed) error(value->mark, "Can't decode YAML scalar value", hint);
  return parsed;
}

std::optional<uint32_t> ItemReader::number(std::string_view key) {
  const YamlNode* value = item_.find(key);
  if (!value) return std::nullopt;
  const std::string hint = "'" + std::string(key) + "' is a whole number of milliseconds";
  if (!scalar(key, *value, hint)) return std::nullopt;
  auto parsed = parse_yaml_number(value->str());
  if (!parsed) error(value->mark, "Can't decode YAML scalar value", hint);
  return parsed;
}

std::optional<std::vector<MappedText>> ItemReader::sequence(std::string_view key, bool required) {
  const YamlNode* value = item_.find(key);
  if (!value) {
    if (required) error(item_.mark, "Item has no mapping for key '" + std::string(key) + "'");
    return std::nullopt;
  }
  if (value->kind != YamlNode::Kind::kSequence) {
    error(value->mark.line > 0 ? value->mark : item_.find_key(key)->mark, "Value is not a sequence",
          "write '" + std::string(key) + "' as a list: [a, b]");
    return std::nullopt;
  }
  std::vector<MappedText> out;
  for (const YamlNode& item : value->items) {
    if (item.is_scalar())
      out.push_back(item.text);
    else
      error(item.mark, "sequence value is not scalar");
  }
  return out;
}

void ItemReader::warn_unknown_keys(std::initializer_list<std::string_view> known) {
  std::set<std::string> seen;
  for (const auto& [key, value] : item_.entries) {
    const std::string name = key.is_scalar() ? key.str() : "?";
    if (!seen.insert(name).second)
      warning(key.mark, "the key '" + name + "' is given twice; the first one counts", "remove one of them",
              "LOAD_UNKNOWN_KEY");
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::vector<std::string_view> names(known);
    const std::string near = nearest(name, names);
    warning(key.mark, "Unknown key '" + name + "'. The key will be ignored.",
            near.empty() ? "" : "did you mean '" + near + "'?", "LOAD_UNKNOWN_KEY");
  }
}

}  // namespace tiercel::rule
