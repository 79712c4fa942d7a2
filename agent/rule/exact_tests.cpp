#include "agent/rule/exact_tests.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "agent/rule/literals.h"
#include "bpf/schema/event.h"

namespace tiercel::rule {
namespace {

using Kind = KernelTest::Kind;

KernelTest constant(bool holds) {
  return {holds ? Kind::kTrue : Kind::kFalse, {}, false};
}

bool is_membership(Op op) {
  return op == Op::kEq || op == Op::kIn || op == Op::kIntersects;
}

// What every successful start of a program in a container has in common. Nothing: not known beforehand.
std::optional<Value> known_value(std::string_view field) {
  if (field == "evt.failed" || field == "evt.is_async") return Value::of_bool(false);
  if (field == "evt.res") return Value::of_text("SUCCESS");
  if (field == "evt.rawres") return Value::of_int(0);
  if (field == "evt.dir") return Value::of_text("<");
  if (field == "evt.source") return Value::of_text("syscall");
  return std::nullopt;
}

struct NumberField {
  std::string_view name;
  cond_number number;
};
constexpr NumberField kNumbers[] = {{"user.uid", CN_UID},
                                    {"group.gid", CN_GID},
                                    {"user.loginuid", CN_LOGINUID},
                                    {"proc.tty", CN_TTY},
                                    {"proc.vpid", CN_VPID}};

struct FlagField {
  std::string_view name;
  uint64_t bit;
};
constexpr FlagField kFlags[] = {{"proc.is_exe_writable", EXE_WRITABLE},
                                {"proc.is_exe_upper_layer", EXE_UPPER_LAYER},
                                {"proc.is_exe_lower_layer", EXE_LOWER_LAYER},
                                {"proc.is_exe_from_memfd", EXE_FROM_MEMFD}};

cond_inst inst_of(cond_test test, uint32_t arg, uint64_t value) {
  cond_inst inst{};
  inst.test = test;
  inst.arg = static_cast<__u16>(arg);
  inst.value = value;
  return inst;
}

KernelTest type_test(const std::vector<bool>& types) {
  if (types[EVT_execve] == types[EVT_execveat]) return constant(types[EVT_execve]);
  return {Kind::kAny, {inst_of(CT_EQ, CN_TYPE, types[EVT_execve] ? EVT_execve : EVT_execveat)}, false};
}

// Whether it is a container is settled before any condition is judged, and no container that is called "host" is one.
KernelTest container_test(const Test& test) {
  if (test.op == Op::kExists) return constant(true);
  const bool all_host = std::all_of(test.literals.begin(), test.literals.end(),
                                    [](const auto& literal) { return literal->text == "host"; });
  if (!all_host || (!is_membership(test.op) && test.op != Op::kNe)) return {};
  return constant(test.op == Op::kNe);
}

KernelTest number_test(const Test& test, cond_number number) {
  if (test.op == Op::kExists) return constant(true);
  KernelTest out{Kind::kAny, {}, false};
  const bool with_sign = is_signed(test.type);
  const auto less = with_sign ? CT_LT_SIGNED : CT_LT, greater = with_sign ? CT_GT_SIGNED : CT_GT;
  auto one = [&](cond_test op) {
    out.any.push_back(inst_of(op, number, test.literals.front()->value.u));
    return out;
  };
  out.negated = test.op == Op::kNe || test.op == Op::kGe || test.op == Op::kLe;
  switch (test.op) {
    case Op::kEq:
    case Op::kIn:
    case Op::kIntersects:
      for (const auto& literal : test.literals) out.any.push_back(inst_of(CT_EQ, number, literal->value.u));
      return out;
    case Op::kNe:
      return one(CT_EQ);
    case Op::kLt:
    case Op::kGe:
      return one(less);
    case Op::kGt:
    case Op::kLe:
      return one(greater);
    default:
      return {};
  }
}

KernelTest flag_test(const Test& test, uint64_t bit) {
  if (test.op == Op::kExists) return constant(true);
  if (test.literals.size() != 1 || (!is_membership(test.op) && test.op != Op::kNe)) return {};
  const bool wanted = test.literals.front()->value.b == (test.op != Op::kNe);
  return {Kind::kAny, {inst_of(CT_BITS, CN_EXE_FLAGS, bit)}, !wanted};
}

}  // namespace

bool KernelTests::add_texts(cond_field field, const std::string& text) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (field == CF_NAME && text.size() >= TIERCEL_COMM_LEN) return true;  // no program has such a name
  if (text.size() + kDeleted.size() > COND_TEXT_MAX - 2) return false;   // as long as what was cut might be
  auto add = [&](const std::string& bytes) {
    cond_text row{};
    row.field = field;
    row.bit = bits_;
    std::memcpy(row.text, bytes.data(), bytes.size());
    texts_.push_back(row);
  };
  // The engine takes that suffix off once.
  if (field != CF_EXEPATH || !text.ends_with(kDeleted)) add(text);
  if (field == CF_EXEPATH) add(text + std::string(kDeleted));
  return true;
}

KernelTest KernelTests::text_test(const Test& test, cond_field field) {
  if (test.op == Op::kExists) return constant(true);
  if (!is_membership(test.op) && test.op != Op::kNe) return {};
  const size_t before = texts_.size();
  for (const auto& literal : test.literals) {
    if (add_texts(field, literal->text)) continue;
    texts_.resize(before);
    return {};
  }
  if (texts_.size() == before) return constant(test.op == Op::kNe);
  return {Kind::kAny, {inst_of(CT_TEXT, bits_++, 0)}, test.op == Op::kNe};
}

KernelTest KernelTests::of(const Program& program, const Test& test) {
  if (!test.event_types.empty()) return type_test(test.event_types);
  if (holds_never(program, test)) return constant(false);
  const Operand& operand = program.operands[test.operand];
  if (operand.kind != Operand::Kind::kField || !operand.field || operand.arg.given) return {};
  if (test.right != Test::kNoRight || test.modifier != Modifier::kNone || test.dynamic || test.path ||
      test.over != Test::Over::kOne)
    return {};
  if (test.op != Op::kExists && test.literals.empty()) return {};
  const std::string_view field = operand.field->name;
  if (const auto value = known_value(field); value && test.op != Op::kPmatch)
    return constant(evaluate(test, *value, nullptr));
  if (field == "container.id") return container_test(test);
  if (field == "proc.name") return text_test(test, CF_NAME);
  if (field == "proc.exepath") return text_test(test, CF_EXEPATH);
  if (field == "proc.exe") return text_test(test, CF_EXE);
  for (const NumberField& known : kNumbers)
    if (known.name == field) return number_test(test, known.number);
  for (const FlagField& known : kFlags)
    if (known.name == field) return flag_test(test, known.bit);
  return {};
}

}  // namespace tiercel::rule
