#include "agent/rule/merge_change.h"

namespace tiercel::rule {
namespace {

void read_override(ItemReader& reader, const Change& allowed, const YamlNode& key, const YamlNode& value, Change& out) {
  const std::string& name = key.str();
  const std::string word = value.is_scalar() ? value.str() : "?";
  if (word != "append" && word != "replace") {
    reader.error(value.mark.line > 0 ? value.mark : key.mark, "Invalid override operation for key '" + name + "': '" +
                                                                  word + "'. Allowed values are: append, replace");
    return;
  }
  const bool append = word == "append";
  if (append && !allowed.appended.contains(name)) {
    reader.error(key.mark, "Key '" + name + "' cannot be appended to, use 'replace' instead");
    return;
  }
  if (!append && !allowed.replaced.contains(name)) {
    reader.error(key.mark, "Key '" + name + "' cannot be replaced");
    return;
  }
  if (!reader.has(name)) {
    reader.error(key.mark, std::string(append ? "An append" : "A replace") + " override for '" + name +
                               "' was specified but '" + name + "' is not defined");
    return;
  }
  (append ? out.appended : out.replaced).insert(name);
}

}  // namespace

bool read_change(ItemReader& reader, const Change& allowed, std::string_view name_key, Change& out) {
  if (const YamlNode* node = reader.node("append")) {
    const auto value = reader.boolean("append");
    if (!value) return false;
    out.append = *value;
    if (reader.has("override")) {
      reader.error(node->mark,
                   "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry "
                   "(e.g. 'condition: append') under 'override' instead.");
      return false;
    }
    if (out.append)
      reader.warning(node->mark,
                     "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under "
                     "'override' instead.",
                     {}, "LOAD_DEPRECATED_ITEM");
  }
  const YamlNode* node = reader.node("override");
  if (!node) return true;
  if (node->kind == YamlNode::Kind::kNull || (node->kind == YamlNode::Kind::kMap && node->entries.empty()))
    return true;  // names nothing: Falco takes the item as a plain definition
  out.override_given = true;
  if (node->kind != YamlNode::Kind::kMap) {
    reader.error(node->mark, "'override' is not a map", "write `override: {condition: append}`");
    return false;
  }
  for (const auto& [key, value] : node->entries) read_override(reader, allowed, key, value, out);
  for (const auto& [key, value] : reader.item().entries) {
    const std::string& name = key.str();
    if (name == name_key || name == "override" || out.appended.contains(name) || out.replaced.contains(name)) continue;
    if (!allowed.replaced.contains(name)) continue;  // source, or an unknown key: warned about elsewhere
    reader.error(key.mark, "Unexpected key '" + name + "': no corresponding entry under 'override' is defined.",
                 "add `" + name + ": replace` under override");
  }
  return reader.ok();
}

}  // namespace tiercel::rule
