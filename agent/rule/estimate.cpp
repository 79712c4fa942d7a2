#include "agent/rule/estimate.h"

#include <algorithm>

#include "agent/rule/literals.h"

namespace tiercel::rule {
namespace {

// By length, up to 8.
double rarer_with_length(size_t length) {
  static constexpr double kBySize[] = {1, 0.9, 0.5, 0.25, 0.15, 0.06, 0.04, 0.03, 0.02};
  return kBySize[std::min<size_t>(length, 8)];
}

double chance_of_literal(Op op, const Literal& literal, TypeClass type) {
  if (type == TypeClass::kBool) return 0.5;
  if (type == TypeClass::kAddress) return literal.prefix_bits >= 0 ? 0.2 : 0.05;
  if (type == TypeClass::kNumeric) return 0.1;
  switch (op) {
    case Op::kEq:
    case Op::kNe:
    case Op::kIn:
    case Op::kIntersects:
      // Type letters, directions and results are common; names and paths are not.
      return literal.text.size() <= 1 ? 0.5 : literal.text.size() <= 4 ? 0.03 : 0.01;
    case Op::kPmatch:
      return 0.1;
    case Op::kRegex:
    case Op::kGlob:
    case Op::kIGlob:
      return 0.1;
    default:
      return rarer_with_length(literal.text.size());
  }
}

// Most opens are for reading alone, and of files that are there.
double chance_of_flag(std::string_view field, bool wanted) {
  double chance = 0.5;
  if (field == "evt.is_open_read") chance = 0.85;
  if (field == "evt.is_open_write" || field == "evt.is_open_create" || field == "evt.is_open_exec") chance = 0.15;
  return wanted ? chance : 1 - chance;
}

// Of a whole list. Rules list dozens of names and paths (of package managers, of container runtimes), and still most
// events are by and about none of them.
double chance_of_list_max(const Test& test, TypeClass type) {
  constexpr double kTexts = 0.1, kOthers = 0.95;
  const bool short_one = std::any_of(test.literals.begin(), test.literals.end(),
                                     [](const auto& literal) { return literal->text.size() <= 4; });
  return type == TypeClass::kText && test.literals.size() > 1 && !short_one ? kTexts : kOthers;
}

}  // namespace

double chance_of(const Program& program, const Test& test) {
  const TypeClass type = class_of(test.type);
  if (test.op == Op::kExists) return 0.9;
  if (test.op == Op::kLt || test.op == Op::kLe || test.op == Op::kGt || test.op == Op::kGe) return 0.6;
  if (test.right != Test::kNoRight || test.literals.empty()) return 0.3;
  double sum = 0;
  for (const auto& literal : test.literals) sum += chance_of_literal(test.op, *literal, type);
  sum = std::min(sum, chance_of_list_max(test, type));
  const Operand& operand = program.operands[test.operand];
  if (operand.field && type == TypeClass::kBool && test.op == Op::kEq)
    sum = chance_of_flag(operand.field->name, test.literals.front()->value.b);
  if (operand.field && operand.field->name == "container.id") sum = 0.5;  // a host, or a node full of containers
  if (operand.field && operand.field->name == "evt.dir") sum = 0.95;
  return test.op == Op::kNe ? 1 - sum : sum;
}

double ask_cost(const Program& program, const Test& test) {
  constexpr double kSharers = 4;  // tests that a look-up is made for
  constexpr double kAsked = 4;    // one that was answered before
  if (!test.event_types.empty()) return 1;
  const Operand& operand = program.operands[test.operand];
  match::Kind kind{};
  if (indexable(program, test, &kind)) return kAsked + look_up_cost(operand, kind) / kSharers;
  return kAsked + kPlainTestCost * test.cost * static_cast<double>(std::max<size_t>(test.literals.size(), 1));
}

double look_up_cost(const Operand& operand, match::Kind kind) {
  if (operand.of_image) return 5;  // found once for a program, whatever it takes
  // Fields that are made anew for every event cost more than anything that is then done with them.
  const double field = operand.cost >= 9 ? 200 : 3.0 * operand.cost * (operand.ancestors ? 4 : 1);
  switch (kind) {
    case match::Kind::kExact:
      return field + 10;
    case match::Kind::kPrefix:
    case match::Kind::kSuffix:
      return field + 15;
    case match::Kind::kContains:
    case match::Kind::kIContains:
      // Command lines and environments are long.
      return field + (operand.field && operand.field->name.starts_with("proc.") ? 150 : 60);
    case match::Kind::kUnder:
      return field + 80;
    case match::Kind::kGlob:
      return field + 80;
    case match::Kind::kRegex:
      return field + 120;
    case match::Kind::kNetwork:
      return field + 40;
  }
  return field;
}

}  // namespace tiercel::rule
