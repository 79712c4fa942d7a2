#include "agent/rule/merge.h"

#include <algorithm>

#include "agent/rule/item_reader.h"
#include "agent/rule/merge_change.h"
#include "agent/rule/merge_exceptions.h"
#include "agent/rule/merge_response.h"
#include "agent/rule/merge_threshold.h"
#include "agent/rule/names.h"
#include "agent/rule/versions.h"

namespace tiercel::rule {
namespace {

constexpr const char* kValidate = "LOAD_ERR_VALIDATE";

bool matches_name(std::string_view name, bool is_list) {
  if (name.empty()) return false;
  if (is_list)
    return std::none_of(name.begin(), name.end(), [](char c) {
      return c == '(' || c == ')' || c == '"' || c == '\'' || c == '=' || c == ',' || is_blank(c);
    });
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

class Merger {
 public:
  Merger(bool strict, Collection& collection, Diagnostics& diagnostics)
      : strict_(strict), collection_(collection), diagnostics_(diagnostics) {}

  void add_document(const YamlNode& document) {
    if (document.kind == YamlNode::Kind::kNull) return;
    if (document.kind != YamlNode::Kind::kSequence) {
      diagnostics_.error(
          document.mark.position(),
          document.is_scalar() ? "Rules content is not yaml" : "Rules content is not yaml array of objects",
          "a rule file is a list: every item begins with '- '", "LOAD_ERR_YAML_VALIDATE");
      return;
    }
    for (const YamlNode& item : document.items) add_item(item);
  }

 private:
  void add_item(const YamlNode& item) {
    if (item.kind == YamlNode::Kind::kNull) return;
    if (item.kind != YamlNode::Kind::kMap) {
      diagnostics_.error(item.mark.position(),
                         "Unexpected element type. Each element should be a yaml associative array.", {},
                         "LOAD_ERR_YAML_VALIDATE");
      return;
    }
    if (item.find("required_engine_version")) return check_engine_version(item, diagnostics_);
    if (item.find("required_plugin_versions")) return check_plugin_versions(item, diagnostics_, collection_.unmet);
    if (item.find("list")) return add_list(item);
    if (item.find("macro")) return add_macro(item);
    if (item.find("rule")) return add_rule(item);
    diagnostics_.warning(item.mark.position(), "Unknown top level item", "an item has one of: rule, macro, list",
                         "LOAD_UNKNOWN_ITEM");
  }

  void add_list(const YamlNode& item) {
    ItemReader reader(item, "list", diagnostics_);
    const auto name = reader.text("list");
    if (!name) return;
    reader.set_name(name->str());
    reader.warn_unknown_keys({"list", "items", "append", "override"});
    Change change;
    Change allowed;
    allowed.appended = allowed.replaced = {"items"};
    const bool change_ok = read_change(reader, allowed, "list", change);
    const auto items = reader.sequence("items", true);
    if (!change_ok || !items || !reader.ok()) return break_item("list " + name->str());
    if (!matches_name(name->str(), true))
      reader.warning(name->mark_at(0),
                     "List has an invalid name. List names should match a regular expression: "
                     "[^()\"'\\s=,]+",
                     {}, "LOAD_INVALID_LIST_NAME");
    ListItem* old = collection_.lists.find(name->str());
    const bool append = change.append || change.appended.contains("items");
    if (append && !old) {
      if (!collection_.broken.contains("list " + name->str()))
        reader.error(name->mark_at(0),
                     "List uses 'append' or 'override.items: append' but no list by that name already exists",
                     hint_for(name->str(), collection_.lists.all()), kValidate);
      return;
    }
    ListItem& list = define(collection_.lists, name->str(), !append);
    if (append) {
      list.items.insert(list.items.end(), items->begin(), items->end());
    } else {
      list.mark = name->mark_at(0);
      list.items = *items;
    }
  }

  void add_macro(const YamlNode& item) {
    ItemReader reader(item, "macro", diagnostics_);
    const auto name = reader.text("macro");
    if (!name) return;
    reader.set_name(name->str());
    reader.warn_unknown_keys({"macro", "condition", "append", "override"});
    Change change;
    Change allowed;
    allowed.appended = allowed.replaced = {"condition"};
    const bool change_ok = read_change(reader, allowed, "macro", change);
    const auto condition = reader.text("condition");
    if (!change_ok || !condition || !reader.ok()) return break_item("macro " + name->str());
    if (!matches_name(name->str(), false))
      reader.warning(name->mark_at(0),
                     "Macro has an invalid name. Macro names should match a regular expression: "
                     "[a-zA-Z]+[a-zA-Z0-9_]*",
                     {}, "LOAD_INVALID_MACRO_NAME");
    const bool append = change.append || change.appended.contains("condition");
    if (append && !collection_.macros.find(name->str())) {
      if (!collection_.broken.contains("macro " + name->str()))
        reader.error(name->mark_at(0),
                     "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists",
                     hint_for(name->str(), collection_.macros.all()), kValidate);
      return;
    }
    std::optional<MacroItem> old;
    if (const MacroItem* found = collection_.macros.find(name->str())) old = *found;
    MacroItem& macro = define(collection_.macros, name->str(), !append);
    if (append) {
      append_text(macro.condition, *condition);
    } else {
      if (old && change.defines() && old->mark.file != name->mark_at(0).file)
        collection_.redefined.push_back({name->str(), name->mark_at(0), old->mark, *condition, old->condition});
      macro.mark = name->mark_at(0);
      macro.condition = *condition;
    }
    macro.first_file = old ? old->first_file : macro.mark.file;
  }

  static void append_text(MappedText& to, const MappedText& more) {
    to.append_fixed(" ", more.mark_at(0));
    to.append(more);
  }

  template <class Item>
  Item& define(NamedItems<Item>& items, const std::string& name, bool fresh) {
    const Item* old = items.find(name);
    const size_t index = old ? old->index : collection_.next_index;
    Item& out = items.put(name);
    if (fresh) out = Item{};
    out.name = name;
    out.index = index;
    out.visibility = collection_.next_index++;
    return out;
  }

  void break_item(std::string what) { collection_.broken.insert(std::move(what)); }

  template <class Item>
  static std::string hint_for(const std::string& name, const std::vector<Item>& items) {
    std::vector<std::string_view> names;
    for (const Item& item : items) names.push_back(item.name);
    const std::string near = nearest(name, names);
    return near.empty() ? "define it in this file or in one that is read before it" : "did you mean '" + near + "'?";
  }

  // ---- rules -----------------------------------------------------------------------------------------------------

  void add_rule(const YamlNode& item) {
    ItemReader reader(item, "rule", diagnostics_);
    const auto name = reader.text("rule");
    if (!name) return;
    reader.set_name(name->str());
    if (!strict_ && (is_response(item) || changes_response(item, name->str()))) return add_response(item, *name);
    reader.warn_unknown_keys({"rule", "condition", "output", "desc", "priority", "source", "enabled", "capture",
                              "capture_duration", "warn_evttypes", "skip-if-unknown-filter", "tags", "exceptions",
                              "threshold", "override", "append"});
    static const Change kAllowed = [] {
      Change allowed;
      allowed.appended = {"condition", "output", "desc", "tags", "exceptions"};
      allowed.replaced = allowed.appended;
      for (const char* key : {"priority", "enabled", "warn_evttypes", "skip-if-unknown-filter", "capture",
                              "capture_duration", "threshold"})
        allowed.replaced.insert(key);
      return allowed;
    }();
    Change change;
    if (!read_change(reader, kAllowed, "rule", change)) return break_rule(name->str());
    if (change.append) return append_rule(reader, *name);
    if (change.override_given) return override_rule(reader, *name, change);
    if (!reader.has("condition") && !reader.has("output") && !reader.has("desc") && !reader.has("priority"))
      return toggle_rule(reader, *name);
    define_rule(reader, *name);
  }

  // An item without `action:` that has the name of a response and is no definition.
  [[nodiscard]] bool changes_response(const YamlNode& item, const std::string& name) {
    const bool known = collection_.responses.find(name) || collection_.broken_responses.contains(name);
    return known && !collection_.rules.find(name) && !item.find("output") && !item.find("priority");
  }

  void add_response(const YamlNode& item, const MappedText& name) {
    ItemReader reader(item, "response", diagnostics_);
    reader.set_name(name.str());
    warn_unknown_response_keys(reader);
    Change change;
    bool fine = read_change(reader, response_change_allowed(), "rule", change);
    ResponseItem* old = collection_.responses.find(name.str());
    if (fine && change.defines() && (is_response(item) || !old)) {
      if (auto response = read_response(reader, name)) collection_.responses.put(name.str()) = std::move(*response);
    } else if (fine && change.defines()) {
      if (const auto enabled = reader.boolean("enabled"))
        old->enabled = *enabled;
      else if (reader.ok())
        reader.error(item.mark, "Item has no mapping for key 'action'",
                     "to change a response, name the keys under `override`; `enabled:` alone switches it");
    } else if (fine && !old) {
      if (!collection_.broken_responses.contains(name.str()))
        reader.error(name.mark_at(0), "there is no response '" + name.str() + "' to change",
                     hint_for(name.str(), collection_.responses.all()), kValidate);
    } else if (fine) {
      ResponseItem changed = *old;
      if (change_response(reader, change, changed)) *old = std::move(changed);
    }
    if (!reader.ok()) collection_.broken_responses.insert(name.str());
  }

  void break_rule(const std::string& name, RuleItem rest = {}) {
    break_item("rule " + name);
    rest.name = name;
    collection_.unreadable.push_back(std::move(rest));
  }

  std::optional<Priority> read_priority(ItemReader& reader) {
    const auto word = reader.text("priority");
    if (!word) return std::nullopt;
    if (auto number = priority_number(word->str())) return static_cast<Priority>(*number);
    if (auto bent = strict_ ? std::nullopt : priority_number_of_three_steps(word->str())) {
      const std::string taken(kPriorityNames[*bent]);
      reader.warning(word->mark_at(0), "priority " + word->str() + " is not Falco's; taken as " + taken,
                     "write `priority: " + taken + "`", "LOAD_WARNING_EXTENSION");
      return static_cast<Priority>(*bent);
    }
    const std::string near = nearest(word->str(), kPriorityNames);
    reader.error(word->mark_at(0), "Invalid priority",
                 near.empty() ? "one of: emergency, alert, critical, error, warning, notice, informational, debug"
                              : "did you mean '" + near + "'?");
    return std::nullopt;
  }

  void read_flags(ItemReader& reader, RuleItem& rule) {
    if (auto value = reader.boolean("enabled")) rule.enabled = *value;
    if (auto value = reader.boolean("capture")) rule.capture = *value;
    if (auto value = reader.number("capture_duration")) rule.capture_duration_ms = *value;
    if (auto value = reader.boolean("warn_evttypes")) rule.warn_evttypes = *value;
    if (auto value = reader.boolean("skip-if-unknown-filter")) rule.skip_if_unknown_filter = *value;
  }

  // The explicit source, "" if there is none.
  std::string read_source(ItemReader& reader) {
    const YamlNode* node = reader.node("source");
    if (!node || node->kind == YamlNode::Kind::kNull) return {};
    if (node->is_scalar()) return node->str();
    reader.error(node->mark, "Value is not a scalar value");
    return {};
  }

  void define_rule(ItemReader& reader, const MappedText& name) {
    RuleItem rule;
    const auto condition = reader.text("condition");
    const auto output = reader.text("output");
    const auto description = reader.text("desc");
    const auto priority = read_priority(reader);
    const std::string source = read_source(reader);
    const auto tags = reader.sequence("tags", false);
    read_flags(reader, rule);
    if (reader.has("threshold")) rule.threshold = read_threshold(reader);
    if (reader.has("exceptions"))
      read_exceptions(reader, false, source.empty() || source == "syscall", rule.exceptions);
    if (reader.ok() && output && output->trimmed().empty()) reader.error(output->mark_at(0), "Value must be non-empty");
    const RuleItem* old = collection_.rules.find(name.str());
    if (old && old->source_explicit && !source.empty() && source != old->source)
      reader.error(name.mark_at(0), "Rule has been re-defined with a different source",
                   "the first definition says " + old->source, kValidate);
    if (condition) rule.condition = *condition;
    if (output) rule.output = output->trimmed();
    if (!reader.ok()) rule.exceptions.clear();  // only its condition and output are looked at then
    if (!source.empty()) rule.source = source;
    if (!reader.ok() || !condition || !output || !description || !priority)
      return break_rule(name.str(), std::move(rule));
    if (tags)
      for (const MappedText& tag : *tags) rule.tags.insert(tag.str());
    rule.description = *description;
    rule.priority = *priority;
    rule.source_explicit = !source.empty();
    rule.mark = name.mark_at(0);
    const size_t index = old ? old->index : collection_.next_index;
    RuleItem& slot = collection_.rules.put(name.str());
    slot = std::move(rule);
    slot.name = name.str();
    slot.index = index;
    slot.visibility = collection_.next_index++;
  }

  RuleItem* existing(ItemReader& reader, const MappedText& name, const std::string& message) {
    RuleItem* rule = collection_.rules.find(name.str());
    if (!rule && !collection_.broken.contains("rule " + name.str())) {
      reader.error(name.mark_at(0), message, hint_for(name.str(), collection_.rules.all()), kValidate);
      collection_.broken.insert("rule " + name.str());
    }
    return rule;
  }

  void toggle_rule(ItemReader& reader, const MappedText& name) {
    if (!reader.has("enabled")) {
      reader.error(reader.item().mark, "Item has no mapping for key 'enabled'",
                   "a rule has condition, output, desc and priority; a rule that exists is switched with `enabled:`");
      return break_rule(name.str());
    }
    const auto enabled = reader.boolean("enabled");
    RuleItem* rule = existing(reader, name, "Rule has 'enabled' key but no rule by that name already exists");
    if (!rule || !enabled) return;
    reader.warning(reader.item().find_key("enabled")->mark,
                   "The standalone 'enabled' key usage is deprecated. The correct approach requires also a 'replace' "
                   "entry under the 'override' key (i.e. 'enabled: replace').",
                   {}, "LOAD_DEPRECATED_ITEM");
    rule->enabled = *enabled;
  }

  bool source_conflicts(ItemReader& reader, const MappedText& name, const RuleItem& rule) {
    const std::string source = read_source(reader);
    if (source.empty() || source == rule.source) return !reader.ok();
    reader.error(name.mark_at(0), "Rule has been re-defined with a different source",
                 "the first definition says " + rule.source, kValidate);
    return true;
  }

  static bool known_source(const RuleItem& rule) { return rule.source == "syscall"; }

  void append_rule(ItemReader& reader, const MappedText& name) {
    RuleItem* rule = existing(reader, name,
                              "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists");
    if (!rule || source_conflicts(reader, name, *rule)) return;
    RuleItem changed = *rule;
    if (reader.has("condition"))
      if (auto condition = reader.text("condition")) append_text(changed.condition, *condition);
    if (reader.has("exceptions")) read_exceptions(reader, true, known_source(changed), changed.exceptions);
    if (!reader.ok()) return break_rule(name.str());
    changed.visibility = collection_.next_index++;
    *rule = std::move(changed);
  }

  void override_rule(ItemReader& reader, const MappedText& name, const Change& change) {
    RuleItem* rule =
        existing(reader, name,
                 change.appended.empty()
                     ? "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists"
                     : "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists");
    if (!rule || source_conflicts(reader, name, *rule)) return;
    RuleItem changed = *rule;
    apply_texts(reader, change, changed);
    if (change.appended.contains("tags") || change.replaced.contains("tags")) {
      if (auto tags = reader.sequence("tags", true)) {
        if (change.replaced.contains("tags")) changed.tags.clear();
        for (const MappedText& tag : *tags) changed.tags.insert(tag.str());
      }
    }
    if (change.appended.contains("exceptions"))
      read_exceptions(reader, true, known_source(changed), changed.exceptions);
    if (change.replaced.contains("exceptions")) {
      changed.exceptions.clear();
      read_exceptions(reader, false, known_source(changed), changed.exceptions);
    }
    if (change.replaced.contains("priority"))
      if (auto priority = read_priority(reader)) changed.priority = *priority;
    if (change.replaced.contains("threshold")) changed.threshold = read_threshold(reader);
    read_flags(reader, changed);  // every flag that is given is listed: read_change saw to it
    if (!reader.ok()) return break_rule(name.str());
    changed.visibility = collection_.next_index++;
    *rule = std::move(changed);
  }

  void apply_texts(ItemReader& reader, const Change& change, RuleItem& rule) {
    const std::pair<const char*, MappedText*> texts[] = {
        {"condition", &rule.condition}, {"output", &rule.output}, {"desc", &rule.description}};
    for (const auto& [key, slot] : texts) {
      const bool append = change.appended.contains(key);
      if (!append && !change.replaced.contains(key)) continue;
      const auto text = reader.text(key);
      if (!text) continue;
      if (append)
        append_text(*slot, *text);
      else
        *slot = *text;
    }
  }

  bool strict_;
  Collection& collection_;
  Diagnostics& diagnostics_;
};

}  // namespace

void merge_documents(const std::vector<YamlNode>& documents, const std::string* file, bool strict,
                     Collection& collection, Diagnostics& diagnostics) {
  collection.files.try_emplace(file, collection.files.size());
  Merger merger(strict, collection, diagnostics);
  for (const YamlNode& document : documents) merger.add_document(document);
}

}  // namespace tiercel::rule
