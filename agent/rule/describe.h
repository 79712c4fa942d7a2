// What rule files say, item by item, beside the program that they became: Falco's description of rules, macros and
// lists (reference 1.13), and each rule's condition as one tree with its macros written out, for `tiercel rules
// describe`, `explain` and `why`. Made by load.h when LoadOptions::describe asks for it; immutable then; any thread.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/rule/ast.h"
#include "agent/rule/expand.h"
#include "agent/rule/merge.h"

namespace tiercel::rule {

// What a condition is made of. Of one with macro references left in it, what the macros are made of is not in here.
struct Details {
  std::set<std::string> macros;     // referred to
  std::set<std::string> lists;      // values that are the name of a list
  std::set<std::string> operators;  // "=", "in", ...
  std::set<std::string> fields;     // with arguments: "proc.aname[2]"
  std::set<std::string> events;     // named in a comparison with evt.type
};
// `lists`: the names that are lists; nullptr where they were written out before.
[[nodiscard]] Details details_of(const Expr& expr, const NamedItems<ListItem>* lists = nullptr);
// The same of a text as a file has it: no list substituted, no macro expanded. Empty if it is no condition.
[[nodiscard]] Details details_of_text(const MappedText& condition, const NamedItems<ListItem>* lists);
// Every event type for which the condition can be true, sorted; those that no kernel event feeds yet are in it.
[[nodiscard]] std::vector<std::string> event_names_of(const Expr& expr);

struct RuleDescription {
  RuleItem item;
  ExprPtr expanded;                           // macros and exceptions written out; Expr::macro names where from
  Details written, compiled;                  // before and after that
  std::vector<std::string> exception_fields;  // in the order of the file
  std::set<std::string> exception_names, exception_operators;
  std::vector<std::pair<std::string, std::string>> extra_formatted_fields;  // of append_output
};
struct MacroDescription {
  MacroItem item;
  ExprPtr expanded;
  bool used = false;
  Details written, compiled;
};
struct ListDescription {
  ListItem item;
  bool used = false;
  std::set<std::string> lists;              // lists that are items of it
  std::vector<std::string> items_compiled;  // with those written out
};
struct PluginVersion {
  std::string name, version;
  std::vector<PluginVersion> alternatives;
};

class Description {
 public:
  std::string required_engine_version;  // the highest one asked for; "" if none is
  std::vector<PluginVersion> required_plugin_versions;
  std::vector<RuleDescription> rules;  // those that loaded, in matching order
  std::vector<MacroDescription> macros;
  std::vector<ListDescription> lists;
  std::shared_ptr<const std::set<std::string>> files;  // every position in here points into it

  [[nodiscard]] const RuleDescription* rule(std::string_view name) const;

  // ---- filling it; load.cpp only ----
  void add_versions(const std::vector<YamlNode>& documents);
  void add_rule(const RuleItem& item, const Expr& expanded, const NamedItems<ListItem>& known_lists,
                std::vector<std::pair<std::string, std::string>> extra_formatted_fields);
  void add_shared(const Collection& collection, const Expander& expander);
};

}  // namespace tiercel::rule
