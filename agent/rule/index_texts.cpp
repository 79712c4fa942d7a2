// Which tests an operand's text index answers, and the making of the indexes.
#include <algorithm>
#include <utility>

#include "agent/rule/literals.h"
#include "agent/rule/program.h"

namespace tiercel::rule {
namespace {

bool kind_of(Op op, match::Kind& kind) {
  switch (op) {
    case Op::kEq:
    case Op::kIn:
    case Op::kIntersects:
      kind = match::Kind::kExact;
      return true;
    case Op::kStartsWith:
      kind = match::Kind::kPrefix;
      return true;
    case Op::kEndsWith:
      kind = match::Kind::kSuffix;
      return true;
    case Op::kContains:
      kind = match::Kind::kContains;
      return true;
    case Op::kIContains:
      kind = match::Kind::kIContains;
      return true;
    default:
      return false;
  }
}

}  // namespace

// Over ancestors and over two endpoints these operators hold if any value satisfies them; over a list `in` does not.
bool indexable(const Program& program, const Test& test) {
  match::Kind kind{};
  if (!test.event_types.empty() || test.dynamic || test.right != Test::kNoRight || test.literals.empty()) return false;
  if (test.modifier != Modifier::kNone && test.modifier != Modifier::kAnyOf) return false;
  if (test.over == Test::Over::kList || class_of(test.type) != TypeClass::kText || !kind_of(test.op, kind))
    return false;
  const Operand& operand = program.operands[test.operand];
  return operand.kind == Operand::Kind::kField || operand.kind == Operand::Kind::kTransformer;
}

void index_texts(Program& program) {
  for (Test& test : program.tests) {
    if (!indexable(program, test) || !kind_of(test.op, test.kind)) continue;
    Operand& operand = program.operands[test.operand];
    if (operand.index == Operand::kNoIndex) {
      operand.index = static_cast<uint32_t>(program.indexes.size());
      program.indexes.emplace_back();
    }
    for (const auto& literal : test.literals)
      test.patterns.push_back(
          program.indexes[operand.index].add(test.kind, literal->value.view(), program.pattern_count));
    std::sort(test.patterns.begin(), test.patterns.end());
    test.patterns.erase(std::unique(test.patterns.begin(), test.patterns.end()), test.patterns.end());
    test.indexed = true;
    test.text_set = {};
  }
  for (match::TextIndex& index : program.indexes) index.build();
}

}  // namespace tiercel::rule
