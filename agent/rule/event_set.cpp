#include "agent/rule/event_set.h"

#include <algorithm>

#include "agent/rule/event_names.h"

namespace tiercel::rule {
namespace {

std::vector<bool> all_visible() {
  std::vector<bool> out(event_number_count());
  for (size_t n = 0; n < out.size(); ++n) out[n] = event_is_visible(n);
  return out;
}

std::vector<bool> none() {
  return std::vector<bool>(event_number_count());
}

// evt.num starts at 1: some comparisons with it are constants. 0: undetermined.
int constant_of(const CheckAst& check) {
  if (check.right || check.modifier != Modifier::kNone) return 0;
  auto is = [&](std::string_view text) { return check.values.size() == 1 && check.values.front().text == text; };
  switch (check.op) {
    case Op::kEq:
      return is("0") ? -1 : 0;
    case Op::kNe:
      return is("0") ? 1 : 0;
    case Op::kLt:
      return is("0") || is("1") ? -1 : 0;
    case Op::kLe:
      return is("0") ? -1 : 0;
    case Op::kGt:
      return is("0") ? 1 : 0;
    case Op::kGe:
      return is("0") || is("1") ? 1 : 0;
    case Op::kIn:
      return std::all_of(check.values.begin(), check.values.end(), [](const ValueAst& v) { return v.text == "0"; }) ? -1
                                                                                                                    : 0;
    default:
      return 0;
  }
}

std::vector<bool> of_check(const CheckAst& check, bool negated) {
  if (check.left.kind != OperandAst::Kind::kField) return all_visible();
  if (check.left.name == "evt.num") {
    const int constant = constant_of(check);
    if (constant == 0) return all_visible();
    return (constant > 0) != negated ? all_visible() : none();
  }
  if (check.left.name != "evt.type" && check.left.name != "syscall.type") return all_visible();
  const bool named = check.op == Op::kEq || check.op == Op::kIn || check.op == Op::kIntersects || check.op == Op::kNe;
  if (check.op == Op::kExists && negated && check.left.name == "evt.type") return none();  // every event has one
  if (check.right || check.modifier != Modifier::kNone || !named) return all_visible();
  std::vector<bool> out = none();
  for (const ValueAst& value : check.values)
    if (auto number = event_number(value.text)) out[*number] = true;
  // A missing syscall.type makes the check false and its negation true: only the plain form narrows.
  if (check.left.name == "syscall.type" && (negated || check.op == Op::kNe)) return all_visible();
  if ((check.op == Op::kNe) == negated) return out;
  const std::vector<bool> visible = all_visible();
  for (size_t n = 0; n < out.size(); ++n) out[n] = visible[n] && !out[n];
  return out;
}

std::vector<bool> of(const Expr& expr, bool negated) {
  if (expr.kind == Expr::Kind::kCheck) return of_check(*expr.check, negated);
  if (expr.kind == Expr::Kind::kMacro) return all_visible();
  if (expr.kind == Expr::Kind::kNot) return of(*expr.children.front(), !negated);
  const bool meet = (expr.kind == Expr::Kind::kAnd) != negated;
  std::vector<bool> out = of(*expr.children.front(), negated);
  for (size_t c = 1; c < expr.children.size(); ++c) {
    const std::vector<bool> more = of(*expr.children[c], negated);
    for (size_t n = 0; n < out.size(); ++n) out[n] = meet ? out[n] && more[n] : out[n] || more[n];
  }
  return out;
}

}  // namespace

size_t EventSet::count() const {
  return static_cast<size_t>(std::count(numbers.begin(), numbers.end(), true));
}

EventTypes EventSet::fed() const {
  EventTypes out;
  for (size_t n = 0; n < EVT_COUNT && n < numbers.size(); ++n) out[n] = numbers[n];
  return out;
}

EventSet event_set_of(const Expr& expr) {
  return {of(expr, false)};
}

}  // namespace tiercel::rule
