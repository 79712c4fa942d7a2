#include "agent/rule/ast.h"

#include "agent/rule/grammar.h"
#include "agent/rule/lexer.h"

namespace tiercel::rule {
namespace {

void print_list(std::string& out, const std::vector<OperandAst>& parts) {
  for (size_t n = 0; n < parts.size(); ++n) {
    if (n > 0) out += ", ";
    out += to_string(parts[n]);
  }
}

void print(std::string& out, const Expr& expr, bool inside) {
  switch (expr.kind) {
    case Expr::Kind::kAnd:
    case Expr::Kind::kOr:
      if (inside) out += '(';
      for (size_t n = 0; n < expr.children.size(); ++n) {
        if (n > 0) out += expr.kind == Expr::Kind::kAnd ? " and " : " or ";
        print(out, *expr.children[n], true);
      }
      if (inside) out += ')';
      break;
    case Expr::Kind::kNot:
      out += "not ";
      print(out, *expr.children.front(), true);
      break;
    case Expr::Kind::kMacro:
      out += expr.macro;
      break;
    case Expr::Kind::kCheck:
      out += to_string(*expr.check);
      break;
  }
}

}  // namespace

std::string_view op_text(Op op) {
  if (op == Op::kExists) return kExistsWord;
  if (op == Op::kEq) return "=";
  for (const auto& word : kNumericOps)
    if (word.id == op) return word.text;
  for (const auto& word : kSymbolOps)
    if (word.id == op) return word.text;
  for (const auto& word : kWordOps)
    if (word.id == op) return word.text;
  for (const auto& word : kListOps)
    if (word.id == op) return word.text;
  return {};
}

std::string_view modifier_text(Modifier modifier) {
  for (const auto& word : kModifierWords)
    if (word.id == modifier) return word.text;
  return {};
}

OperandAst clone(const OperandAst& operand) {
  return operand;  // values all the way down; the origin's text is shared
}

ExprPtr clone(const Expr& expr) {
  auto out = std::make_unique<Expr>();
  out->kind = expr.kind;
  out->macro = expr.macro;
  out->origin = expr.origin;
  for (const ExprPtr& child : expr.children) out->children.push_back(clone(*child));
  if (expr.check) {
    const CheckAst& from = *expr.check;
    auto check = std::make_unique<CheckAst>();
    check->left = from.left;
    check->op = from.op;
    check->modifier = from.modifier;
    check->values = from.values;
    check->is_list = from.is_list;
    check->op_origin = from.op_origin;
    if (from.right) check->right = std::make_unique<OperandAst>(*from.right);
    out->check = std::move(check);
  }
  return out;
}

std::string quoted_if_needed(std::string_view value) {
  bool bare = !value.empty();
  for (char c : value) bare = bare && is_bare(c);
  if (bare) return std::string(value);
  std::string out = "\"";
  for (char c : value) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          constexpr char kHex[] = "0123456789abcdef";
          out += "\\x";
          out += kHex[(c >> 4) & 15];
          out += kHex[c & 15];
        } else {
          out += c;
        }
    }
  }
  // A text that ends in a backslash cannot be closed with \\ before the quote (reference 2.2): spell it in hexadecimal.
  if (value.ends_with('\\')) out.replace(out.size() - 2, 2, "\\x5c");
  return out + '"';
}

std::string to_string(const OperandAst& operand) {
  std::string out;
  switch (operand.kind) {
    case OperandAst::Kind::kText: {
      const std::string text = quoted_if_needed(operand.name);
      return text.starts_with('"') ? text : '"' + text + '"';
    }
    case OperandAst::Kind::kNumber:
      return operand.name;
    case OperandAst::Kind::kList:
      out = "(";
      print_list(out, operand.parts);
      return out + ")";
    case OperandAst::Kind::kTransformer:
      out = operand.name + "(";
      print_list(out, operand.parts);
      out += ")";
      break;
    case OperandAst::Kind::kField:
      out = operand.name;
      break;
  }
  if (operand.has_arg) out += "[" + quoted_argument(operand.arg) + "]";
  return operand.is_value ? "val(" + out + ")" : out;
}

std::string to_string(const CheckAst& check) {
  std::string out = to_string(check.left) + " " + std::string(op_text(check.op));
  if (check.op == Op::kExists) return out;
  if (check.modifier != Modifier::kNone) out += " " + std::string(modifier_text(check.modifier));
  if (check.right) return out + " " + to_string(*check.right);
  if (!check.is_list) return out + " " + quoted_if_needed(check.values.front().text);
  out += " (";
  for (size_t n = 0; n < check.values.size(); ++n) {
    if (n > 0) out += ", ";
    out += quoted_if_needed(check.values[n].text);
  }
  return out + ")";
}

std::string to_string(const Expr& expr) {
  std::string out;
  print(out, expr, false);
  return out;
}

}  // namespace tiercel::rule
