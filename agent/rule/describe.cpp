#include "agent/rule/describe.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "agent/rule/event_names.h"
#include "agent/rule/event_set.h"
#include "agent/rule/parser.h"

namespace tiercel::rule {
namespace {

class Collector {
 public:
  Collector(const NamedItems<ListItem>* lists, Details& out) : lists_(lists), out_(out) {}

  void visit(const Expr& expr) {
    if (expr.kind == Expr::Kind::kMacro) out_.macros.insert(expr.macro);
    if (expr.check) visit(*expr.check);
    for (const ExprPtr& child : expr.children) visit(*child);
  }

 private:
  void visit(const CheckAst& check) {
    out_.operators.emplace(op_text(check.op));
    visit(check.left);
    if (check.right) visit(*check.right);
    const bool type = check.left.kind == OperandAst::Kind::kField && check.left.name == "evt.type";
    for (const ValueAst& value : check.values) {
      if (lists_ && !value.quoted && lists_->find(value.text))
        out_.lists.insert(value.text);
      else if (type)
        out_.events.insert(value.text);
    }
  }
  void visit(const OperandAst& operand) {
    if (operand.kind == OperandAst::Kind::kField)
      out_.fields.insert(operand.has_arg ? operand.name + "[" + operand.arg + "]" : operand.name);
    for (const OperandAst& part : operand.parts) visit(part);
  }

  const NamedItems<ListItem>* lists_;
  Details& out_;
};

using Version = std::array<uint32_t, 3>;

// "0.38.0", or a lone number, which is the minor version.
Version version_of(std::string_view text) {
  Version out{};
  size_t n = 0;
  for (; n < out.size() && !text.empty(); ++n) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out[n]);
    if (code != std::errc()) break;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty() || text.front() != '.') {
      ++n;
      break;
    }
    text.remove_prefix(1);
  }
  return n == 1 ? Version{0, out[0], 0} : out;
}

std::string version_text(const Version& v) {
  return std::to_string(v[0]) + "." + std::to_string(v[1]) + "." + std::to_string(v[2]);
}

std::string scalar_at(const YamlNode& map, std::string_view key) {
  const YamlNode* value = map.find(key);
  return value && value->is_scalar() ? value->str() : std::string();
}

// The scalars of an exception's `fields` or `comps`, which may be lists of lists.
void append_scalars(const YamlNode& node, std::vector<std::string>& out) {
  if (node.is_scalar()) out.push_back(node.str());
  for (const YamlNode& item : node.items) append_scalars(item, out);
}

}  // namespace

Details details_of(const Expr& expr, const NamedItems<ListItem>* lists) {
  Details out;
  Collector(lists, out).visit(expr);
  return out;
}

Details details_of_text(const MappedText& condition, const NamedItems<ListItem>* lists) {
  ParseOptions options;
  options.allow_not_in = true;
  auto parsed = parse_condition(std::make_shared<const MappedText>(condition), options);
  return parsed ? details_of(*parsed->expr, lists) : Details{};
}

std::vector<std::string> event_names_of(const Expr& expr) {
  const EventSet set = event_set_of(expr);
  std::vector<std::string> out;
  for (std::string_view name : event_type_names()) {
    const auto number = event_number(name);
    if (number && *number < set.numbers.size() && set.numbers[*number]) out.emplace_back(name);
  }
  return out;
}

const RuleDescription* Description::rule(std::string_view name) const {
  auto it = std::find_if(rules.begin(), rules.end(), [&](const RuleDescription& r) { return r.item.name == name; });
  return it == rules.end() ? nullptr : &*it;
}

void Description::add_versions(const std::vector<YamlNode>& documents) {
  for (const YamlNode& document : documents) {
    for (const YamlNode& item : document.items) {
      if (const std::string version = scalar_at(item, "required_engine_version"); !version.empty())
        if (required_engine_version.empty() || version_of(required_engine_version) < version_of(version))
          required_engine_version = version_text(version_of(version));
      const YamlNode* plugins = item.find("required_plugin_versions");
      if (!plugins) continue;
      for (const YamlNode& plugin : plugins->items) {
        PluginVersion out{scalar_at(plugin, "name"), scalar_at(plugin, "version"), {}};
        if (const YamlNode* alternatives = plugin.find("alternatives"))
          for (const YamlNode& other : alternatives->items)
            out.alternatives.push_back({scalar_at(other, "name"), scalar_at(other, "version"), {}});
        required_plugin_versions.push_back(std::move(out));
      }
    }
  }
}

void Description::add_rule(const RuleItem& item, const Expr& expanded, const NamedItems<ListItem>& known_lists,
                           std::vector<std::pair<std::string, std::string>> extra_formatted_fields) {
  RuleDescription out;
  out.item = item;
  out.expanded = clone(expanded);
  out.written = details_of_text(item.condition, &known_lists);
  out.compiled = details_of(expanded);
  out.extra_formatted_fields = std::move(extra_formatted_fields);
  for (const ExceptionItem& exception : item.exceptions) {
    out.exception_names.insert(exception.name);
    const bool single = exception.fields && exception.fields->is_scalar();
    if (exception.fields) append_scalars(*exception.fields, out.exception_fields);
    std::vector<std::string> comps;
    if (exception.comps) append_scalars(*exception.comps, comps);
    if (comps.empty()) comps = {single ? "in" : "="};  // what stands for comps that are not given
    out.exception_operators.insert(comps.begin(), comps.end());
  }
  rules.push_back(std::move(out));
}

void Description::add_shared(const Collection& collection, const Expander& expander) {
  for (const MacroItem& item : collection.macros.all()) {
    MacroDescription out;
    out.item = item;
    out.used = expander.used_macros().contains(item.name);
    out.written = details_of_text(item.condition, &collection.lists);
    if (const Expr* expr = expander.expanded_macro(item.name)) {
      out.expanded = clone(*expr);
      out.compiled = details_of(*expr);
    }
    macros.push_back(std::move(out));
  }
  for (const ListItem& item : collection.lists.all()) {
    ListDescription out;
    out.item = item;
    out.used = expander.lists().used().contains(item.name);
    for (const MappedText& value : item.items)
      if (const ListItem* inner = collection.lists.find(value.str()); inner && inner->name != item.name)
        out.lists.insert(inner->name);
    out.items_compiled = expander.lists().items_of(item.name);
    lists.push_back(std::move(out));
  }
}

}  // namespace tiercel::rule
