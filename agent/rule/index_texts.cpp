// Which tests an operand's index answers, and the making of the indexes.
#include <algorithm>
#include <bit>
#include <utility>

#include "agent/rule/literals.h"
#include "agent/rule/program.h"

namespace tiercel::rule {
namespace {

bool text_kind(Op op, match::Kind& kind) {
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
    case Op::kPmatch:
      kind = match::Kind::kUnder;
      return true;
    case Op::kGlob:
      kind = match::Kind::kGlob;
      return true;
    case Op::kRegex:
      kind = match::Kind::kRegex;
      return true;
    default:
      return false;
  }
}

bool kind_of(const Test& test, match::Kind& kind) {
  const bool equal = test.op == Op::kEq || test.op == Op::kIn || test.op == Op::kIntersects;
  switch (class_of(test.type)) {
    case TypeClass::kText:
      return text_kind(test.op, kind);
    case TypeClass::kNumeric:
      kind = match::Kind::kExact;
      return equal && test.type != Type::kDouble;
    case TypeClass::kAddress:
      kind = test.type == Type::kIpNet ? match::Kind::kNetwork : match::Kind::kExact;
      return equal;
    default:
      return false;
  }
}

std::string pattern_of(match::Kind kind, const Literal& literal) {
  const Value& value = literal.value;
  const auto* ip = reinterpret_cast<const char*>(value.ip.data());
  const size_t ip_bytes = value.kind == ValueKind::kIp4 ? 4 : 16;
  switch (value.kind) {
    case ValueKind::kInt:
    case ValueKind::kUint:
      return {reinterpret_cast<const char*>(&value.u), sizeof value.u};
    case ValueKind::kIp4:
    case ValueKind::kIp6:
      return kind == match::Kind::kNetwork
                 ? match::network_pattern({ip, ip_bytes}, static_cast<unsigned>(literal.prefix_bits))
                 : std::string(ip, ip_bytes);
    default:
      return literal.text;
  }
}

}  // namespace

// Over ancestors and over two endpoints these operators hold if any value satisfies them; over a list `in` does not.
bool indexable(const Program& program, const Test& test, match::Kind* kind) {
  match::Kind own{};
  if (!kind) kind = &own;
  if (!test.event_types.empty() || test.dynamic || test.right != Test::kNoRight || test.literals.empty()) return false;
  if (test.modifier != Modifier::kNone && test.modifier != Modifier::kAnyOf) return false;
  if (test.over == Test::Over::kList || !kind_of(test, *kind)) return false;
  const Operand& operand = program.operands[test.operand];
  return operand.kind == Operand::Kind::kField || operand.kind == Operand::Kind::kTransformer;
}

// `in` over a list asks for all of its values, and an empty one has none that differs.
bool holds_never(const Program& program, const Test& test) {
  if (test.right != Test::kNoRight || test.modifier != Modifier::kNone || test.dynamic) return false;
  if ((test.op == Op::kIn || test.op == Op::kIntersects) && test.literals.empty())
    return test.over == Test::Over::kOne || test.over == Test::Over::kAncestors;
  const FieldInfo* field = program.operands[test.operand].field;
  return field && field->name == "evt.num" && test.op == Op::kEq && test.literals.size() == 1 &&
         test.literals.front()->is_number && test.literals.front()->number == 0;
}

void index_texts(Program& program) {
  for (Test& test : program.tests) {
    if (!indexable(program, test, &test.kind)) continue;
    Operand& operand = program.operands[test.operand];
    if (operand.index == Operand::kNoIndex) {
      operand.index = static_cast<uint32_t>(program.indexes.size());
      program.indexes.emplace_back();
    }
    operand.kinds |= 1U << static_cast<unsigned>(test.kind);
    for (const auto& literal : test.literals)
      test.patterns.push_back(
          program.indexes[operand.index].add(test.kind, pattern_of(test.kind, *literal), program.pattern_count));
    std::sort(test.patterns.begin(), test.patterns.end());
    test.patterns.erase(std::unique(test.patterns.begin(), test.patterns.end()), test.patterns.end());
    test.indexed = true;
    test.text_set = {};
    test.number_set = {};
    test.paths = PathTrie();
  }
  for (match::Index& index : program.indexes) index.build();
  for (Operand& operand : program.operands) {
    const auto kinds = static_cast<uint32_t>(std::popcount(operand.kinds));
    if (kinds > 0 && operand.of_image)
      operand.image_slot = std::exchange(program.image_slots, program.image_slots + kinds);
    if (kinds > 0 && operand.of_open)
      operand.open_slot = std::exchange(program.open_slots, program.open_slots + 2 * kinds);
  }
}

}  // namespace tiercel::rule
