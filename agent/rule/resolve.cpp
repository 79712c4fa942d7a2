#include "agent/rule/resolve.h"

#include <algorithm>
#include <utility>

#include "agent/rule/event_names.h"
#include "agent/rule/grammar.h"
#include "agent/rule/literals.h"
#include "agent/rule/names.h"
#include "agent/rule/parser.h"
#include "agent/rule/transformer_table.h"

namespace tiercel::rule {
namespace {

// How the type of an event's parameter is compared (evt.rawarg).
Type parameter_class(std::string_view falco_type) {
  if (falco_type == "CHARBUF" || falco_type == "FSPATH" || falco_type == "FSRELPATH") return Type::kCharBuf;
  if (falco_type == "BYTEBUF" || falco_type == "CHARBUFARRAY") return Type::kByteBuf;
  if (falco_type == "BOOL") return Type::kBool;
  if (falco_type == "UID" || falco_type == "GID" || falco_type == "SOCKADDR" || falco_type == "SOCKTUPLE" ||
      falco_type == "FDLIST" || falco_type == "SIGSET" || falco_type == "DYN")
    return Type::kOpaque;
  if (falco_type.starts_with("UINT") || falco_type.starts_with("FLAGS") || falco_type.starts_with("ENUMFLAGS") ||
      falco_type == "ABSTIME" || falco_type == "RELTIME" || falco_type == "MODE" || falco_type == "PORT")
    return Type::kUint64;
  return Type::kInt64;
}

bool is_type_field(const Operand& operand) {
  return operand.kind == Operand::Kind::kField &&
         (operand.field->name == "evt.type" || operand.field->name == "syscall.type");
}

// Regular expressions that are only a text, with or without .* around it.
const char* simpler_than_regex(std::string_view pattern) {
  const bool left = pattern.starts_with(".*");
  if (left) pattern.remove_prefix(2);
  const bool right = pattern.ends_with(".*");
  if (right) pattern.remove_suffix(2);
  if (pattern.empty() || pattern.find_first_of(".*+?()[]{}|^$\\") != std::string_view::npos) return nullptr;
  return left && right ? "contains" : left ? "endswith" : right ? "startswith" : "=";
}

}  // namespace

// ---- builder -----------------------------------------------------------------------------------------------------

uint32_t ProgramBuilder::operand(Operand operand) {
  auto [it, fresh] = operands_.try_emplace(operand.text, static_cast<uint32_t>(program_.operands.size()));
  if (fresh) program_.operands.push_back(std::move(operand));
  return it->second;
}

uint32_t ProgramBuilder::test(Test test) {
  auto [it, fresh] = tests_.try_emplace(test.text, static_cast<uint32_t>(program_.tests.size()));
  if (fresh) program_.tests.push_back(std::move(test));
  return it->second;
}

std::optional<uint32_t> ProgramBuilder::find_test(const std::string& text) const {
  auto it = tests_.find(text);
  if (it == tests_.end()) return std::nullopt;
  return it->second;
}

// ---- notes -------------------------------------------------------------------------------------------------------

std::nullopt_t Resolver::error(const Origin& origin, std::string message, std::string hint, bool skippable) {
  notes_.errors.push_back({std::move(message), std::move(hint), origin.position(), skippable});
  return std::nullopt;
}

void Resolver::warning(const Origin& origin, std::string message, std::string hint) {
  notes_.warnings.push_back({std::move(message), std::move(hint), origin.position(), false});
}

// ---- operands ----------------------------------------------------------------------------------------------------

std::optional<uint32_t> Resolver::output_operand(const OperandAst& ast) {
  for_output_ = true;
  return operand(ast, false);
}

std::optional<uint32_t> Resolver::operand(const OperandAst& ast, bool in_transformer) {
  switch (ast.kind) {
    case OperandAst::Kind::kField:
      return field(ast, in_transformer);
    case OperandAst::Kind::kTransformer:
      return transformer(ast);
    case OperandAst::Kind::kList:
      return literal_list(ast);
    case OperandAst::Kind::kText:
    case OperandAst::Kind::kNumber: {
      Operand out;
      out.kind = Operand::Kind::kLiteral;
      out.literal = ast.name;
      out.type = ast.kind == OperandAst::Kind::kText ? Type::kCharBuf : Type::kUint64;
      out.text = to_string(ast);
      return builder_.operand(std::move(out));
    }
  }
  return std::nullopt;
}

std::optional<uint32_t> Resolver::field(const OperandAst& ast, bool in_transformer) {
  FieldName name = resolve_field(ast.name, ast.has_arg, ast.arg);
  if (!name.info || name.info->has(FF_TABLE_ONLY) || (!for_output_ && name.info->has(FF_PRINT_ONLY)) ||
      (for_output_ && name.info->has(FF_FILTER_ONLY)) || (name.info->of_alert && !of_alert_)) {
    const std::string near = suggest_field(ast.name, of_alert_);
    std::string hint = near.empty() ? "`tiercel fields` lists them all" : "did you mean '" + near + "'?";
    if (name.info) hint = "the field exists, but not for " + std::string(for_output_ ? "outputs" : "conditions");
    if (name.info && name.info->of_alert)
      hint = "it is of an alert: for conditions of responses (rules with `action:`) and of outputs";
    return error(ast.origin,
                 for_output_ ? "unknown filter: " + ast.name : "filter_check called with nonexistent field " + ast.name,
                 hint, true);
  }
  if (const std::string wrong = argument_error(name, ast.name); !wrong.empty()) {
    std::string hint;
    if (wrong.starts_with("unknown event argument")) {
      const std::string near = nearest(name.arg.text, parameter_names());
      if (!near.empty()) hint = "did you mean '" + near + "'?";
    }
    return error(ast.origin, for_output_ ? "unknown filter: " + wrong : wrong, hint, for_output_);
  }
  if (in_transformer && name.info->has(FF_NO_TRANSFORM))
    return error(ast.origin, "field '" + ast.name + "' does not support transformers");
  if (name.info->has(FF_DEPRECATED))
    notes_.deprecated.push_back(
        {"the field '" + ast.name + "' is deprecated", std::string(name.info->doc), ast.origin.position(), false});
  Operand out;
  out.kind = Operand::Kind::kField;
  out.field = name.info;
  out.type = name.info->type;
  if (out.type == Type::kDyn) out.type = parameter_class(parameter_type(name.arg.text).value_or("UINT64"));
  out.ancestors = name.info->has(FF_ANCESTORS) && !name.arg.given;
  out.either = name.info->has(FF_EITHER);
  out.is_list = name.info->has(FF_LIST) && !name.arg.given;
  out.path = name.info->has(FF_PATH);
  out.of_image = name.info->has(FF_IMAGE);
  out.of_open = name.info->has(FF_OPEN);
  out.cost = name.info->cost;
  out.text = std::string(name.info->name);
  if (for_output_ && out.ancestors && name.info->name == "proc.apid") {  // alone in an output it is the process itself
    out.field = field_by_name("proc.pid");
    out.ancestors = false;
    out.text = "proc.pid";
  }
  if (name.arg.given) out.text += "[" + name.arg.text + "]";
  out.arg = std::move(name.arg);
  return builder_.operand(std::move(out));
}

std::optional<uint32_t> Resolver::literal_list(const OperandAst& ast) {
  Operand out;
  out.kind = Operand::Kind::kLiteralList;
  out.is_list = true;
  bool fine = true;
  for (const OperandAst& part : ast.parts) {
    const auto index = operand(part, true);
    fine = fine && index;
    if (!index) continue;
    if (builder_.at(*index).is_list || builder_.at(*index).ancestors) {
      error(part.origin, "a list cannot stand inside a list");
      fine = false;
    }
    out.parts.push_back(*index);
    out.path = out.path || builder_.at(*index).path;
    out.cost = std::max(out.cost, builder_.at(*index).cost);
  }
  if (!fine) return std::nullopt;
  out.text = to_string(ast);
  return builder_.operand(std::move(out));
}

std::optional<uint32_t> Resolver::transformer(const OperandAst& ast) {
  Operand out;
  out.kind = Operand::Kind::kTransformer;
  if (const auto* word = find_word(kTransformerWords, ast.name)) out.transformer = word->id;
  bool fine = true;
  for (const OperandAst& part : ast.parts) {
    const auto index = operand(part, true);
    fine = fine && index;
    if (!index) continue;
    const Operand& of = builder_.at(*index);
    out.of_image =
        of.kind == Operand::Kind::kLiteral ? out.of_image : of.of_image && (out.of_image || out.parts.empty());
    out.of_open = of.kind == Operand::Kind::kLiteral ? out.of_open : of.of_open && (out.of_open || out.parts.empty());
    out.parts.push_back(*index);
    out.path = out.path || of.path;
    out.cost = std::max<uint8_t>(out.cost, of.cost);
  }
  if (!fine || !transformer_types(ast, out)) return std::nullopt;
  out.cost = std::min<uint8_t>(9, static_cast<uint8_t>(out.cost + 2));
  out.text = ast.name + "(";
  for (size_t n = 0; n < out.parts.size(); ++n) out.text += (n > 0 ? ", " : "") + builder_.at(out.parts[n]).text;
  out.text += ")";
  if (ast.has_arg) {
    out.arg = {true, ast.arg, -1};
    out.text += "[" + ast.arg + "]";
  }
  return builder_.operand(std::move(out));
}

bool Resolver::transformer_types(const OperandAst& ast, Operand& out) {
  auto refuse = [&](const std::string& message) {
    error(ast.origin, "transformer '" + ast.name + "': " + message, usage(*transformer_info(out.transformer)));
    return false;
  };
  const TransformerInfo& info = *transformer_info(out.transformer);
  std::vector<const Operand*> parts;
  for (uint32_t part : out.parts) parts.push_back(&builder_.at(part));
  if (const std::string wrong = argument_problem(info, parts); !wrong.empty()) return refuse(wrong);
  if (ast.has_arg && !info.takes_arg) return refuse("it takes no [argument]");
  if (ast.has_arg && ast.arg.size() != 1) return refuse("the [argument] is exactly one character");
  out.type = info.result == ResultKind::kNumber        ? Type::kUint64
             : info.result == ResultKind::kSameAsFirst ? parts[0]->type
                                                       : Type::kCharBuf;
  out.is_list =
      info.result == ResultKind::kTexts ? !ast.has_arg : info.result == ResultKind::kSameAsFirst && parts[0]->is_list;
  return true;
}

// ---- checks ------------------------------------------------------------------------------------------------------

std::optional<Typed> Resolver::condition(const Expr& expr) {
  Typed out;
  if (expr.kind == Expr::Kind::kMacro) return std::nullopt;  // an unknown one, reported by who expanded the others
  if (expr.kind == Expr::Kind::kCheck) {
    const auto index = check(*expr.check);
    if (!index) return std::nullopt;
    out.test = *index;
    return out;
  }
  out.kind = expr.kind == Expr::Kind::kAnd  ? Typed::Kind::kAnd
             : expr.kind == Expr::Kind::kOr ? Typed::Kind::kOr
                                            : Typed::Kind::kNot;
  bool fine = true;
  for (const ExprPtr& child : expr.children) {
    auto typed = condition(*child);
    fine = fine && typed;
    if (typed) out.children.push_back(std::move(*typed));
  }
  if (!fine) return std::nullopt;
  return out;
}

// Of the audit sources of old; the fields themselves are unknown here.
void Resolver::warn_unsafe(const CheckAst& check) {
  const bool set = check.op == Op::kEq || check.op == Op::kNe || check.op == Op::kIn || check.op == Op::kIntersects ||
                   check.op == Op::kPmatch;
  if (!set || (!check.left.name.starts_with("ka.") && !check.left.name.starts_with("jevt."))) return;
  for (const ValueAst& value : check.values)
    if (value.text == "<NA>")
      notes_.unsafe.push_back(
          {"comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of "
           "the rule condition",
           "use `exists`", value.origin.position(), false});
}

std::optional<uint32_t> Resolver::check(const CheckAst& check) {
  if (check.left.kind == OperandAst::Kind::kField) warn_unsafe(check);
  const auto left = operand(check.left, false);
  if (!left) return std::nullopt;
  Test test;
  test.operand = *left;
  test.op = check.op;
  test.modifier = check.modifier;
  if (!operator_fits(check, test)) return std::nullopt;
  const Operand& subject = builder_.at(test.operand);
  test.type = subject.type;
  test.dynamic = subject.field && subject.field->type == Type::kDyn;
  test.over = subject.ancestors ? Test::Over::kAncestors
              : subject.either  ? Test::Over::kEither
              : subject.is_list ? Test::Over::kList
                                : Test::Over::kOne;
  test.path = subject.path;
  test.cost = subject.cost;
  if (check.right ? !right_side(check, test) : !values(check, test)) return std::nullopt;
  test.text = builder_.at(test.operand).text + " " + std::string(op_text(test.op));
  if (test.modifier != Modifier::kNone) test.text += " " + std::string(modifier_text(test.modifier));
  if (test.right != Test::kNoRight) test.text += " val " + builder_.at(test.right).text;
  if (check.is_list) test.text += " (";
  for (size_t n = 0; n < check.values.size(); ++n)
    test.text += (n > 0 ? ", " : check.is_list ? "" : " ") + quoted_if_needed(check.values[n].text);
  if (check.is_list) test.text += ")";
  set_event_types(check, test);
  advise(check, test);
  return builder_.test(std::move(test));
}

bool Resolver::operator_fits(const CheckAst& check, Test& test) {
  const Operand& subject = builder_.at(test.operand);
  if (subject.kind == Operand::Kind::kLiteral || subject.kind == Operand::Kind::kLiteralList) {
    error(check.left.origin, "a field is expected on the left side");
    return false;
  }
  if (subject.kind == Operand::Kind::kTransformer && reads_type_field(subject)) {
    error(check.left.origin, "the event type cannot be compared through a transformer",
          "write the type itself: evt.type in (open, openat)");
    return false;
  }
  if (op_allowed(subject.type, subject.is_list, test.op)) return true;
  const bool text_op = op_allowed(Type::kCharBuf, false, test.op);
  const bool order = test.op >= Op::kLt && test.op <= Op::kGe;
  if (!strict_ && class_of(subject.type) == TypeClass::kAddress && text_op && !order && !check.right) {
    notes_.bends.push_back(
        {"'" + std::string(op_text(test.op)) + "' is not an operator for addresses; the address's text is compared",
         "for networks use fd.snet, fd.cnet, fd.net, ... with 'in'", check.op_origin.position(), false});
    Operand wrapped;
    wrapped.kind = Operand::Kind::kTransformer;
    wrapped.transformer = Transformer::kAddressText;
    wrapped.parts = {test.operand};
    wrapped.type = Type::kCharBuf;
    wrapped.either = subject.either;
    wrapped.cost = 4;
    wrapped.text = "text_of(" + subject.text + ")";
    test.operand = builder_.operand(std::move(wrapped));
    return true;
  }
  const std::string kind = subject.is_list ? "list" : std::string(class_text(subject.type));
  std::string hint = class_of(subject.type) == TypeClass::kNumeric && text_op
                         ? "'" + subject.text + "' is a number: use = != < <= > >= in"
                         : "";
  error(check.op_origin, "'" + std::string(op_text(test.op)) + "' operator not supported for " + kind + " filters",
        std::move(hint));
  return false;
}

bool Resolver::reads_type_field(const Operand& operand) const {
  return is_type_field(operand) || std::any_of(operand.parts.begin(), operand.parts.end(),
                                               [this](uint32_t part) { return reads_type_field(builder_.at(part)); });
}

bool Resolver::right_side(const CheckAst& check, Test& test) {
  auto refuse = [&](std::string message, std::string hint = {}) {
    error(check.right->origin, std::move(message), std::move(hint));
    return false;
  };
  const auto right = operand(*check.right, false);
  if (!right) return false;
  const Operand& subject = builder_.at(test.operand);
  const Operand& other = builder_.at(*right);
  if (is_type_field(subject)) return refuse("the field '" + subject.text + "' cannot be compared with another field");
  if (other.field && other.field->has(FF_NO_RHS))
    return refuse("field '" + other.text + "' cannot stand on the right side");
  if (subject.field && subject.field->type == Type::kDyn)
    return refuse("field '" + subject.text + "' cannot be compared with another field");
  if (test.op == Op::kPmatch || test.op == Op::kRegex)
    return refuse("'" + std::string(op_text(test.op)) + "' takes no field on its right side");
  if (subject.type == Type::kIpNet || other.type == Type::kIpNet)
    return refuse("networks cannot be compared with a field");
  const bool members = test.op == Op::kIn || test.op == Op::kIntersects;
  if (subject.type != other.type || (other.is_list != subject.is_list && !(members && other.is_list)))
    return refuse("left- and right-hand side types mismatch", "left is " + std::string(type_text(subject.type)) +
                                                                  ", right is " + std::string(type_text(other.type)));
  test.right = *right;
  test.path = test.path || other.path;
  test.cost = static_cast<uint16_t>(test.cost + other.cost);
  return true;
}

bool Resolver::values(const CheckAst& check, Test& test) {
  if (test.op == Op::kExists) return true;
  bool fine = true;
  const Operand& subject = builder_.at(test.operand);
  for (const ValueAst& value : check.values) {
    std::string hint;
    if (is_type_field(subject) && !event_number(value.text)) {
      const std::string near = nearest(value.text, event_type_names());
      error(value.origin, "unknown event type " + value.text,
            near.empty() ? "`tiercel events` lists them all" : "did you mean '" + near + "'?", true);
      fine = false;
      continue;
    }
    auto literal = make_literal(value.text, test.type, test.dynamic, test.op, hint);
    if (!literal) {
      error(value.origin, literal.error().message, hint);
      fine = false;
      continue;
    }
    if (test.op == Op::kPmatch) test.paths.add(value.text);
    test.literals.push_back(std::move(*literal));
  }
  // Falco looks at the first network only.
  if (subject.field && subject.field->name == "fd.net" && check.is_list && test.modifier == Modifier::kNone &&
      test.literals.size() > 1)
    test.literals.resize(1);
  const bool in_set = (test.op == Op::kIn || test.op == Op::kIntersects) && !test.dynamic;
  for (const auto& literal : test.literals) {
    const Value& v = literal->value;
    if (in_set && v.is_text()) test.text_set.insert(v.view());
    if (in_set && (v.kind == ValueKind::kInt || v.kind == ValueKind::kUint)) test.number_set.insert(v.u);
  }
  test.cost =
      static_cast<uint16_t>(test.cost + (test.op == Op::kRegex                                                     ? 12
                                         : test.op == Op::kGlob || test.op == Op::kIGlob || test.op == Op::kPmatch ? 5
                                         : test.op >= Op::kContains && test.op <= Op::kIContains                   ? 3
                                                                                                 : 1));
  return fine;
}

// "evt.type is one of these" needs no text: the record has the number.
void Resolver::set_event_types(const CheckAst& check, Test& test) {
  const Operand& subject = builder_.at(test.operand);
  if (!is_type_field(subject) || check.modifier != Modifier::kNone) return;
  if (test.op != Op::kEq && test.op != Op::kNe && test.op != Op::kIn && test.op != Op::kIntersects) return;
  const bool only_syscalls = subject.field->name == "syscall.type";
  test.event_types.assign(EVT_COUNT, test.op == Op::kNe);
  for (const ValueAst& value : check.values)
    if (const auto number = event_number(value.text); number && *number < EVT_COUNT)
      test.event_types[*number] = test.op != Op::kNe;
  if (only_syscalls) test.event_types[EVT_procexit] = false;
  test.cost = 0;
}

void Resolver::advise(const CheckAst& check, const Test& test) {
  if (const FieldInfo* field = builder_.at(test.operand).field;
      field && field->of_alert && field->has(FF_LIST) && test.op == Op::kIn)
    warning(check.op_origin, "'in' asks that each of the rule's tags is in the list",
            "to ask for one of them: rule.tags intersects (...)");
  if (test.op == Op::kRegex)
    for (const ValueAst& value : check.values)
      if (const char* better = simpler_than_regex(value.text))
        warning(value.origin, "'regex' is a costly way to say '" + std::string(better) + "'",
                "use '" + std::string(better) + "'");
  if (class_of(test.type) != TypeClass::kText) return;
  for (const ValueAst& value : check.values) {
    const std::string text = MappedText(value.text, {}).trimmed().str();
    const size_t open = text.find('(');
    if (open != std::string::npos && text.ends_with(')') && is_transformer_name(text.substr(0, open)))
      warning(value.origin, "'" + text + "' may be a valid field transformer misused as a const string value",
              "write it without quotes");
    else if (text.find('.') != std::string::npos && resolve_field(text, false, {}).info)
      warning(value.origin, "'" + text + "' may be a valid field misused as a const string value",
              "to compare with the field's value write val(" + text + ")");
  }
}

}  // namespace tiercel::rule
