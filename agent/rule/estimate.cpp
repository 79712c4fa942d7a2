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

}  // namespace

double chance_of(const Program& program, const Test& test) {
  const TypeClass type = class_of(test.type);
  if (test.op == Op::kExists) return 0.9;
  if (test.op == Op::kLt || test.op == Op::kLe || test.op == Op::kGt || test.op == Op::kGe) return 0.6;
  if (test.right != Test::kNoRight || test.literals.empty()) return 0.3;
  double sum = 0;
  for (const auto& literal : test.literals) sum += chance_of_literal(test.op, *literal, type);
  const Operand& operand = program.operands[test.operand];
  if (operand.field && operand.field->name == "container.id") sum = 0.5;  // a host, or a node full of containers
  if (operand.field && operand.field->name == "evt.dir") sum = 0.95;
  sum = std::min(sum, 0.95);
  return test.op == Op::kNe ? 1 - sum : sum;
}

double look_up_cost(const Operand& operand, match::Kind kind) {
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
    case match::Kind::kRegex:
      return field + 200;
    case match::Kind::kNetwork:
      return field + 40;
  }
  return field;
}

}  // namespace tiercel::rule
