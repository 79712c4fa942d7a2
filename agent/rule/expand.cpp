#include "agent/rule/expand.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "agent/rule/fields.h"
#include "agent/rule/names.h"
#include "agent/rule/parser.h"

namespace tiercel::rule {
namespace {

constexpr size_t kNodesMax = 200'000;  // of one rule: a few macros that name each other twice would fill the memory

constexpr size_t kDepthMax = 3'000;  // every later pass recurses over the tree
constexpr size_t kChainMax = 200;    // macros in macros that are not yet expanded

constexpr bool is_delimiter(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '(' || c == ')' || c == ',' || c == '=';
}

bool stands_alone(std::string_view text, size_t at, size_t size) {
  return (at == 0 || is_delimiter(text[at - 1])) && (at + size == text.size() || is_delimiter(text[at + size]));
}

std::string list_hint(const std::string& name) {
  return "'" + name + "' is a list: write `<field> in (" + name + ")`";
}

// From # (at the start of a source line or after a blank, outside quotes) to the end of the source line. `found`: where
// each comment began.
MappedText without_comments(const MappedText& text, std::vector<size_t>& found) {
  MappedText out;
  char quote = 0;
  const std::string& s = text.str();
  for (size_t n = 0; n < s.size();) {
    if (quote != 0) {
      if (s[n] == quote && s[n - 1] != '\\') quote = 0;
    } else if (s[n] == '"' || s[n] == '\'') {
      quote = s[n];
    } else if (s[n] == '#' && (n == 0 || is_blank(s[n - 1]) || !text.is_written(n - 1))) {
      found.push_back(n);
      const Mark start = text.mark_at(n);
      out.append_fixed(" ", start);
      while (n < s.size() && s[n] != '\n' && text.is_written(n) && text.mark_at(n).line == start.line &&
             text.mark_at(n).file == start.file)
        ++n;
      continue;
    }
    out.append(text, n++, 1);
  }
  return out;
}

}  // namespace

// ---- lists -------------------------------------------------------------------------------------------------------

Lists::Lists(const NamedItems<ListItem>& items) {
  for (const ListItem& item : items.all()) {
    Entry entry;
    entry.name = item.name;
    entry.plain = std::none_of(item.name.begin(), item.name.end(), is_delimiter);
    for (const MappedText& value : item.items) {
      const ListItem* inner = items.find(value.str());
      const bool is_word = value.str().find(' ') == std::string::npos;  // otherwise it is quoted, and a text
      if (inner && is_word && inner->name != item.name && inner->index < item.visibility) {
        used_.insert(inner->name);
        entry.items.insert(entry.items.end(), inner->items.begin(), inner->items.end());
      } else {
        entry.items.push_back(value);
      }
    }
    by_name_.emplace(entry.name, entries_.size());
    if (!entry.plain) odd_names_.push_back(entries_.size());
    entries_.push_back(std::move(entry));
  }
}

std::vector<std::string> Lists::items_of(const std::string& name) const {
  std::vector<std::string> out;
  if (auto it = by_name_.find(name); it != by_name_.end())
    for (const MappedText& item : entries_[it->second].items) out.push_back(item.str());
  return out;
}

std::set<size_t> Lists::named_in(std::string_view text) const {
  std::set<size_t> out(odd_names_.begin(), odd_names_.end());
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && !is_delimiter(text[end])) ++end;
    if (end > at) {
      auto it = by_name_.find(std::string(text.substr(at, end - at)));
      if (it != by_name_.end()) out.insert(it->second);
    }
    at = end + 1;
  }
  return out;
}

namespace {

void macro_references(const Expr& expr, std::vector<const Expr*>& out) {
  if (expr.kind == Expr::Kind::kMacro) out.push_back(&expr);
  for (const ExprPtr& child : expr.children) macro_references(*child, out);
}

}  // namespace

std::string Lists::used_as_macro(const MappedText& written, std::string_view word, Position& at) const {
  auto parsed = parse_condition(std::make_shared<const MappedText>(written), {.depth_max = 1000, .allow_not_in = true});
  if (!parsed) return {};
  std::vector<const Expr*> references;
  macro_references(*parsed->expr, references);
  for (const Expr* reference : references) {
    auto list = by_name_.find(reference->macro);
    if (list == by_name_.end()) continue;
    const std::vector<MappedText>& items = entries_[list->second].items;
    if (!word.empty() && word != reference->macro &&
        std::none_of(items.begin(), items.end(), [&](const MappedText& item) { return item.str() == word; }))
      continue;
    at = reference->origin.position();
    return reference->macro;
  }
  return {};
}

MappedText Lists::substitute(const MappedText& text) {
  MappedText out = text;
  std::set<size_t> waiting = named_in(out.str());
  // In definition order; what one list brings in may name a later one.
  for (auto it = waiting.begin(); it != waiting.end();) {
    const size_t index = *it;
    bool replaced = false;
    out = replace(out, entries_[index], replaced);
    if (replaced) {
      used_.insert(entries_[index].name);
      for (size_t found : named_in(out.str()))
        if (found > index) waiting.insert(found);
    }
    it = waiting.upper_bound(index);
  }
  return out;
}

MappedText Lists::replace(const MappedText& text, const Entry& entry, bool& replaced) {
  const std::string& s = text.str();
  if (entry.name.empty()) return text;
  MappedText out;
  size_t copied = 0;
  for (size_t at = s.find(entry.name); at != std::string::npos;) {
    size_t end = at + entry.name.size();
    if (!stands_alone(s, at, entry.name.size())) {
      at = s.find(entry.name, at + 1);
      continue;
    }
    replaced = true;
    if (entry.items.empty()) {
      // The name, the blanks around it and one comma go: the one before, else the one after.
      size_t begin = at;
      while (begin > copied && is_blank(s[begin - 1])) --begin;
      while (end < s.size() && is_blank(s[end])) ++end;
      if (begin > copied && s[begin - 1] == ',')
        --begin;
      else if (end < s.size() && s[end] == ',')
        ++end;
      out.append(text, copied, begin - copied);
    } else {
      out.append(text, copied, at - copied);
      for (size_t n = 0; n < entry.items.size(); ++n) {
        const MappedText& item = entry.items[n];
        const bool quote = item.str().find(' ') != std::string::npos && item.str()[0] != '"' && item.str()[0] != '\'';
        if (n > 0) out.append_fixed(", ", item.mark_at(0));
        if (quote) out.append_fixed("\"", item.mark_at(0));
        out.append(item);
        if (quote) out.append_fixed("\"", item.mark_at(item.size()));
      }
    }
    copied = end;
    at = s.find(entry.name, end);
  }
  if (!replaced) return text;
  out.append(text, copied, s.size() - copied);
  return out;
}

// ---- macros ------------------------------------------------------------------------------------------------------

Expander::Expander(const Collection& collection, bool strict, Diagnostics& diagnostics)
    : collection_(collection), strict_(strict), diagnostics_(diagnostics), lists_(collection.lists) {}

void Expander::parse_macros() {
  for (const MacroItem& item : collection_.macros.all()) {
    Macro macro;
    macro.item = &item;
    macro.expr = parse(item.condition, "macro '" + item.name + "'");
    if (!macro.expr) macro.state = Macro::State::kBroken;
    macros_.emplace(item.name, std::move(macro));
  }
  for (const auto& [name, macro] : macros_)
    if (macro.expr) tell_of_deprecated(*macro.expr, "macro '" + name + "'");
  for (const MacroItem& item : collection_.macros.all()) expand_macro(macros_.at(item.name));
}

// Of macros that no rule uses, too; the others would be told of by the rules' fields.
void Expander::tell_of_deprecated(const Expr& expr, const std::string& subject) {
  for (const ExprPtr& child : expr.children) tell_of_deprecated(*child, subject);
  if (expr.kind != Expr::Kind::kCheck || expr.check->left.kind != OperandAst::Kind::kField) return;
  const FieldInfo* field = field_by_name(expr.check->left.name);
  if (!field || !field->has(FF_DEPRECATED)) return;
  diagnostics_.add({Diagnostic::Severity::kWarning, "LOAD_DEPRECATED_ITEM",
                    "the field '" + std::string(field->name) + "' is deprecated", std::string(field->doc), subject,
                    expr.check->left.origin.position()});
}

ExprPtr Expander::parse(const MappedText& text, const std::string& subject) {
  ParseOptions options;
  options.allow_not_in = !strict_;
  auto substituted = std::make_shared<const MappedText>(lists_.substitute(text));
  auto parsed = parse_condition(substituted, options);
  if (!parsed && !strict_) {
    std::vector<size_t> comments;
    const MappedText stripped = without_comments(text, comments);
    if (!comments.empty()) {
      auto again = std::make_shared<const MappedText>(lists_.substitute(stripped));
      auto reparsed = parse_condition(again, options);
      // If it is wrong either way, a mistake that is not just the comment is what the user has to know.
      const Position first = text.position_at(comments.front());
      const Position failed = substituted->position_at(parsed.error().offset);
      if (reparsed || std::tie(failed.line, failed.column) >= std::tie(first.line, first.column)) {
        for (size_t at : comments)
          bend(text.position_at(at), "a # inside a block scalar is not a comment for Falco; it is taken as one here",
               "move the comment out of the condition", subject);
        parsed = std::move(reparsed);
        substituted = again;
      }
    }
  }
  if (!parsed) {
    Position at = substituted->position_at(parsed.error().offset);
    std::string hint = parsed.error().hint;
    if (const std::string list = lists_.used_as_macro(text, "", at); !list.empty()) hint = list_hint(list);
    diagnostics_.add({Diagnostic::Severity::kError, "LOAD_ERR_COMPILE_CONDITION", parsed.error().message,
                      std::move(hint), subject, std::move(at)});
    return nullptr;
  }
  for (const ParseNote& note : parsed->bends)
    bend(substituted->position_at(note.offset), note.message, note.hint, subject);
  return std::move(parsed->expr);
}

void Expander::bend(Position position, std::string message, std::string hint, const std::string& subject) {
  diagnostics_.add({Diagnostic::Severity::kWarning, "LOAD_WARNING_EXTENSION", std::move(message), std::move(hint),
                    subject, std::move(position)});
}

bool Expander::expand_macro(Macro& macro) {
  if (macro.state == Macro::State::kDone) return true;
  if (macro.state == Macro::State::kBroken) return false;
  macro.state = Macro::State::kExpanding;
  ++expanding_;
  const std::string subject = "macro '" + macro.item->name + "'";
  Walk walk{macro.item, subject, macro.item->condition};
  const bool fine = resolve(macro.expr, walk, 1);
  --expanding_;
  macro.nodes = walk.nodes;
  macro.depth = walk.depth;
  macro.state = fine ? Macro::State::kDone : Macro::State::kBroken;
  return fine;
}

bool Expander::report_size(const Expr& expr, const Walk& walk) {
  diagnostics_.add({Diagnostic::Severity::kError, "LOAD_ERR_VALIDATE",
                    "the condition is too large once its macros are written out",
                    "macros that use each other several times grow very fast", walk.subject, expr.origin.position()});
  return false;
}

bool Expander::resolve(ExprPtr& expr, Walk& walk, size_t depth) {
  walk.depth = std::max(walk.depth, depth);
  if (++walk.nodes > kNodesMax) return report_size(*expr, walk);
  if (expr->kind != Expr::Kind::kMacro) {
    bool fine = true;
    for (ExprPtr& child : expr->children) {
      fine = resolve(child, walk, depth + 1) && fine;
      if (walk.nodes > kNodesMax) return false;
    }
    return fine;
  }
  auto it = macros_.find(expr->macro);
  if (it == macros_.end() || (walk.inside && it->second.item->index >= walk.inside->visibility)) {
    report_undefined(*expr, walk);
    return false;
  }
  used_macros_.insert(expr->macro);
  if (!strict_) tell_of_later_file(*expr, *it->second.item, walk.subject);
  Macro& macro = it->second;
  if (macro.state == Macro::State::kExpanding) {
    diagnostics_.add({Diagnostic::Severity::kError, "LOAD_ERR_VALIDATE",
                      "reference loop in macro '" + expr->macro + "'", "a macro cannot be made of itself", walk.subject,
                      expr->origin.position()});
    return false;
  }
  if (expanding_ > kChainMax) return report_size(*expr, walk);
  if (!expand_macro(macro)) return false;
  walk.nodes += macro.nodes;
  walk.depth = std::max(walk.depth, depth + macro.depth);
  if (walk.nodes > kNodesMax || walk.depth > kDepthMax) return report_size(*expr, walk);
  // The tree keeps the names that it was written with: "shell_procs", or "a: b" where macro a is just b.
  std::string name = expr->macro;
  expr = clone(*macro.expr);
  if (!expr->macro.empty()) name += ": " + expr->macro;
  expr->macro = std::move(name);
  return true;
}

const Expr* Expander::expanded_macro(const std::string& name) const {
  auto it = macros_.find(name);
  return it == macros_.end() || it->second.state != Macro::State::kDone ? nullptr : it->second.expr.get();
}

// Falco compiles after every file, so it has to know the macro by then.
void Expander::tell_of_later_file(const Expr& reference, const MacroItem& macro, const std::string& subject) {
  if (!reference.origin.text || !macro.first_file) return;
  const Mark here = reference.origin.text->mark_at(reference.origin.begin);
  auto used_in = collection_.files.find(here.file);
  auto defined_in = collection_.files.find(macro.first_file);
  if (used_in == collection_.files.end() || defined_in == collection_.files.end()) return;
  if (used_in->second >= defined_in->second) return;
  bend(here.position(),
       "macro '" + macro.name + "' is defined in a file that is read later (" + *macro.first_file +
           "); Falco refuses this, here it counts",
       "read the file with the definition first", subject);
}

void Expander::report_undefined(const Expr& reference, const Walk& walk) {
  if (collection_.broken.contains("macro " + reference.macro)) return;  // its own mistake is reported
  std::string hint;
  Position at = reference.origin.position();
  if (const std::string list = lists_.used_as_macro(walk.written, reference.macro, at); !list.empty()) {
    hint = list_hint(list);
  } else if (walk.inside && macros_.contains(reference.macro)) {
    hint = "it is defined after this macro; move the definition before it";
  } else {
    std::vector<std::string_view> names;
    for (const auto& [name, macro] : macros_) names.push_back(name);
    std::sort(names.begin(), names.end());
    if (const std::string near = nearest(reference.macro, names); !near.empty()) hint = "did you mean '" + near + "'?";
  }
  diagnostics_.add({Diagnostic::Severity::kError, "LOAD_ERR_VALIDATE",
                    "Undefined macro '" + reference.macro + "' used in filter.", hint, walk.subject, std::move(at)});
}

ExprPtr Expander::expand(const RuleItem& rule, bool& complete) {
  MappedText text;
  complete = expand_exceptions(rule, diagnostics_, text);
  if (!complete) return nullptr;
  return expand(text, "rule '" + rule.name + "'", complete);
}

ExprPtr Expander::expand(const MappedText& condition, const std::string& subject, bool& complete) {
  ExprPtr expr = parse(condition, subject);
  Walk walk{nullptr, subject, condition};
  complete = expr && resolve(expr, walk, 1);
  return expr;
}

void Expander::warn_unused() {
  for (const MacroItem& item : collection_.macros.all())
    if (!used_macros_.contains(item.name))
      diagnostics_.add({Diagnostic::Severity::kWarning,
                        "LOAD_UNUSED_MACRO",
                        "Macro not referred to by any rule/macro",
                        {},
                        "macro '" + item.name + "'",
                        item.mark.position()});
  for (const ListItem& item : collection_.lists.all())
    if (!lists_.used().contains(item.name))
      diagnostics_.add({Diagnostic::Severity::kWarning,
                        "LOAD_UNUSED_LIST",
                        "List not referred to by any other rule/macro",
                        {},
                        "list '" + item.name + "'",
                        item.mark.position()});
}

}  // namespace tiercel::rule
