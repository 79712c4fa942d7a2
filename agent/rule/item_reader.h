// Typed reading of one item's keys, with Falco's messages for what is wrong. Used by merge.cpp only.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/rule/yaml.h"

namespace tiercel::rule {

class ItemReader {
 public:
  // kind: "rule", "macro", "list"; the item is a map.
  ItemReader(const YamlNode& item, std::string kind, Diagnostics& diagnostics)
      : item_(item), kind_(std::move(kind)), diagnostics_(diagnostics) {}

  void set_name(const std::string& name) { subject_ = kind_ + " '" + name + "'"; }
  [[nodiscard]] bool has(std::string_view key) const { return item_.find(key) != nullptr; }
  [[nodiscard]] const YamlNode* node(std::string_view key) const { return item_.find(key); }
  [[nodiscard]] const YamlNode& item() const { return item_; }
  [[nodiscard]] bool ok() const { return errors_ == 0; }

  // Required, non-empty text.
  std::optional<MappedText> text(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<uint32_t> number(std::string_view key);
  // A sequence of scalars; absent gives nothing.
  std::optional<std::vector<MappedText>> sequence(std::string_view key, bool required);
  void warn_unknown_keys(std::initializer_list<std::string_view> known);

  // A scalar with something in it; nullptr: reported.
  const YamlNode* scalar(std::string_view key, const YamlNode& value, const std::string& hint);

  // code defaults to LOAD_ERR_YAML_VALIDATE
  void error(const Mark& mark, std::string message, std::string hint = {}, std::string code = "LOAD_ERR_YAML_VALIDATE");
  void warning(const Mark& mark, std::string message, std::string hint, std::string code);

 private:
  const YamlNode& item_;
  std::string kind_;
  std::string subject_;
  Diagnostics& diagnostics_;
  size_t errors_ = 0;
};

// YAML 1.1 words: true/false, yes/no, on/off, y/n in lower, upper or capital case.
[[nodiscard]] std::optional<bool> parse_yaml_bool(std::string_view word);
// An unsigned 32-bit number as yaml-cpp reads it: decimal, 0x hexadecimal, 0 octal.
[[nodiscard]] std::optional<uint32_t> parse_yaml_number(std::string_view word);

}  // namespace tiercel::rule
