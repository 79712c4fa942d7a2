// From a collection to one tree per rule: list names are replaced in the text, exceptions become text, macros become
// subtrees (reference 1.7, 1.8). Mistakes carry the place where the user wrote them. Not thread-safe.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/rule/ast.h"
#include "agent/rule/merge.h"
#include "agent/rule/text.h"

namespace tiercel::rule {

// The lists after lists in lists are resolved, and the textual substitution.
class Lists {
 public:
  explicit Lists(const NamedItems<ListItem>& items);
  [[nodiscard]] MappedText substitute(const MappedText& text);
  [[nodiscard]] bool is_list(const std::string& name) const { return by_name_.contains(name); }
  // The first list whose name stands where a macro's should, as `word` or with that among its items ("": whatever it
  // holds); "" if there is none. `at`: where.
  [[nodiscard]] std::string used_as_macro(const MappedText& written, std::string_view word, Position& at) const;
  [[nodiscard]] const std::set<std::string>& used() const { return used_; }
  // With lists in it written out.
  [[nodiscard]] std::vector<std::string> items_of(const std::string& name) const;

 private:
  struct Entry {
    std::string name;
    std::vector<MappedText> items;
    bool plain = true;  // the name has no delimiter in it
  };
  [[nodiscard]] std::set<size_t> named_in(std::string_view text) const;
  [[nodiscard]] static MappedText replace(const MappedText& text, const Entry& entry, bool& replaced);
  std::vector<Entry> entries_;  // in definition order
  std::unordered_map<std::string, size_t> by_name_;
  std::vector<size_t> odd_names_;  // names with delimiters: searched for in every text
  std::set<std::string> used_;
};

// The rule's condition with its exceptions written out, before list substitution. False: reported.
[[nodiscard]] bool expand_exceptions(const RuleItem& rule, Diagnostics& diagnostics, MappedText& out);

class Expander {
 public:
  Expander(const Collection& collection, bool strict, Diagnostics& diagnostics);

  // Parses every macro; a mistake in one is reported whether it is used or not.
  void parse_macros();
  // nullptr: not even readable. complete = false: macro references are left in it; either way, all is reported.
  [[nodiscard]] ExprPtr expand(const RuleItem& rule, bool& complete);
  // Of any other condition; subject: for messages.
  [[nodiscard]] ExprPtr expand(const MappedText& condition, const std::string& subject, bool& complete);
  // Lists and macros that nothing refers to.
  void warn_unused();
  // For descriptions. A broken macro has no tree.
  [[nodiscard]] const Lists& lists() const { return lists_; }
  [[nodiscard]] const std::set<std::string>& used_macros() const { return used_macros_; }
  [[nodiscard]] const Expr* expanded_macro(const std::string& name) const;

 private:
  struct Macro {
    const MacroItem* item = nullptr;
    ExprPtr expr;      // as parsed; then with its own macros expanded
    size_t nodes = 0;  // of the expanded tree
    size_t depth = 0;
    enum class State : uint8_t { kParsed, kExpanding, kDone, kBroken } state = State::kParsed;
  };
  [[nodiscard]] ExprPtr parse(const MappedText& text, const std::string& subject);
  void tell_of_deprecated(const Expr& expr, const std::string& subject);
  // Warns of what Falco would have refused.
  void bend(Position position, std::string message, std::string hint, const std::string& subject);
  void tell_of_later_file(const Expr& reference, const MacroItem& macro, const std::string& subject);
  bool expand_macro(Macro& macro);
  // Replaces the macro references below; false if one of them is broken.
  struct Walk {
    const MacroItem* inside = nullptr;
    const std::string& subject;
    const MappedText& written;  // the condition before list substitution
    size_t nodes = 0;
    size_t depth = 0;
  };
  bool resolve(ExprPtr& expr, Walk& walk, size_t depth);
  bool report_size(const Expr& expr, const Walk& walk);
  void report_undefined(const Expr& reference, const Walk& walk);

  const Collection& collection_;
  bool strict_;
  Diagnostics& diagnostics_;
  Lists lists_;
  std::unordered_map<std::string, Macro> macros_;
  std::set<std::string> used_macros_;
  size_t expanding_ = 0;
};

}  // namespace tiercel::rule
