// From YAML documents to one collection of lists, macros and rules: which keys an item may have, definition,
// redefinition, append and override (reference 1.1 to 1.6, 1.8). Every mistake is reported; an item with one leaves
// what was there before untouched. Not thread-safe; the collection borrows the file names.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/rule/response.h"
#include "agent/rule/rule.h"
#include "agent/rule/text.h"
#include "agent/rule/yaml.h"

namespace tiercel::rule {

struct ListItem {
  std::string name;
  Mark mark;
  std::vector<MappedText> items;
  size_t index = 0;       // of the first definition: order
  size_t visibility = 0;  // of the latest one: what is known by then may be used
};

struct MacroItem {
  std::string name;
  Mark mark;
  MappedText condition;
  size_t index = 0;
  size_t visibility = 0;
  const std::string* first_file = nullptr;  // of the first definition
};

// A macro that one file defines and a later one defines anew, without saying `override`.
struct Redefinition {
  std::string name;
  Mark mark, mark_before;
  MappedText condition, condition_before;
};

struct ExceptionItem {
  std::string name;
  Mark mark;
  std::optional<YamlNode> fields;
  std::optional<YamlNode> comps;
  std::vector<YamlNode> values;
};

struct ThresholdItem {
  uint32_t count = 2;
  uint64_t timespan_ns = 0;
  std::vector<MappedText> group_by;
  std::optional<MappedText> distinct;
};

struct RuleItem {
  std::string name;
  Mark mark;
  MappedText condition, output, description;
  Priority priority = Priority::kDebug;
  std::string source = "syscall";
  bool source_explicit = false;
  bool enabled = true;
  bool warn_evttypes = true;
  bool skip_if_unknown_filter = false;
  bool capture = false;
  uint32_t capture_duration_ms = 0;
  std::optional<ThresholdItem> threshold;
  std::set<std::string> tags;
  std::vector<ExceptionItem> exceptions;
  size_t index = 0;
  size_t visibility = 0;
};

struct ResponseItem {
  std::string name;
  Mark mark;
  MappedText condition, description;
  Action action;
  bool enabled = true;
  bool dry_run = false;
  uint32_t budget_per_min = kResponseBudgetPerMin;
};

template <class Item>
class NamedItems {
 public:
  [[nodiscard]] Item* find(std::string_view name) {
    auto it = by_name_.find(std::string(name));
    return it == by_name_.end() ? nullptr : &items_[it->second];
  }
  [[nodiscard]] const Item* find(std::string_view name) const { return const_cast<NamedItems*>(this)->find(name); }
  Item& put(const std::string& name) {
    auto [it, fresh] = by_name_.try_emplace(name, items_.size());
    if (fresh) items_.emplace_back();
    return items_[it->second];
  }
  [[nodiscard]] const std::vector<Item>& all() const { return items_; }  // in order of first definition
  [[nodiscard]] size_t size() const { return items_.size(); }

 private:
  std::vector<Item> items_;
  std::unordered_map<std::string, size_t> by_name_;
};

struct Collection {
  NamedItems<ListItem> lists;
  NamedItems<MacroItem> macros;
  NamedItems<RuleItem> rules;
  NamedItems<ResponseItem> responses;  // rules with `action:`
  std::set<std::string> broken;        // "rule X": could not be read; what builds on it is not reported again
  std::set<std::string> broken_responses;
  std::vector<RuleItem> unreadable;  // definitions with a mistake in some key: judged for further ones, never used
  std::vector<Redefinition> redefined;
  std::vector<Diagnostic> unmet;               // plugin requirements; Falco looks at them once all files are read
  std::map<const std::string*, size_t> files;  // in reading order
  size_t next_index = 0;
};

// Adds the items of one file.
void merge_documents(const std::vector<YamlNode>& documents, const std::string* file, bool strict,
                     Collection& collection, Diagnostics& diagnostics);

}  // namespace tiercel::rule
