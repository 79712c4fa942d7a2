// The meaning of every operator (reference 2.5): one value against one literal, then over lists, ancestors, endpoints
// and modifiers. A missing value makes every comparison false.
#include <algorithm>
#include <cstring>

#include "agent/rule/literals.h"
#include "agent/rule/program.h"

namespace tiercel::rule {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// needle is lower case already.
bool contains_ignoring_case(std::string_view text, std::string_view needle) {
  return std::search(text.begin(), text.end(), needle.begin(), needle.end(),
                     [](char a, char b) { return lower(a) == b; }) != text.end() ||
         needle.empty();
}

bool contains(std::string_view text, std::string_view needle) {
  if (needle.empty()) return true;
  if (text.empty()) return false;  // its data may be null, which memmem() must not be given
  return memmem(text.data(), text.size(), needle.data(), needle.size()) != nullptr;
}

double as_double(const Value& v) {
  switch (v.kind) {
    case ValueKind::kDouble:
      return v.d;
    case ValueKind::kInt:
      return static_cast<double>(v.i);
    case ValueKind::kUint:
      return static_cast<double>(v.u);
    default:
      return 0;
  }
}

template <class T>
bool ordered(Op op, const T& a, const T& b) {
  switch (op) {
    case Op::kEq:
    case Op::kIn:
    case Op::kIntersects:
      return a == b;
    case Op::kNe:
      return a != b;
    case Op::kLt:
      return a < b;
    case Op::kLe:
      return a <= b;
    case Op::kGt:
      return a > b;
    case Op::kGe:
      return a >= b;
    default:
      return false;
  }
}

bool same_address(const Value& a, const Value& b, int bits) {
  if (a.kind != b.kind) return false;
  const size_t whole = static_cast<size_t>(bits) / 8;
  if (std::memcmp(a.ip.data(), b.ip.data(), whole) != 0) return false;
  const int rest = bits % 8;
  return rest == 0 || (a.ip[whole] >> (8 - rest)) == (b.ip[whole] >> (8 - rest));
}

bool compare_text(Op op, std::string_view a, std::string_view b) {
  switch (op) {
    case Op::kContains:
    case Op::kBContains:
      return contains(a, b);
    case Op::kIContains:
      return contains_ignoring_case(a, b);
    case Op::kStartsWith:
    case Op::kBStartsWith:
      return a.starts_with(b);
    case Op::kEndsWith:
      return a.ends_with(b);
    case Op::kGlob:
      return glob_match(b, a);
    case Op::kIGlob:
      return glob_match(b, a, true);
    default:
      return ordered(op, a, b);
  }
}

// Both are present; prefix_bits < 0 compares whole addresses.
bool compare(Op op, Type type, const Value& a, const Value& b, int prefix_bits) {
  switch (class_of(type)) {
    case TypeClass::kNumeric:
      if (type == Type::kDouble) return ordered(op, as_double(a), as_double(b));
      // Both sides of a type have the same kind of number, but for accessors that count with the other one.
      return is_signed(type) ? ordered(op, a.i, b.i) : ordered(op, a.u, b.u);
    case TypeClass::kBool:
      return ordered(op, a.b, b.b);
    case TypeClass::kAddress: {
      const int bits = prefix_bits >= 0 ? prefix_bits : b.kind == ValueKind::kIp4 ? 32 : 128;
      return same_address(a, b, bits) != (op == Op::kNe);
    }
    case TypeClass::kText:
    case TypeClass::kBytes:
      return a.is_text() && b.is_text() && compare_text(op, a.view(), b.view());
    case TypeClass::kOther:
      return false;
  }
  return false;
}

bool compare_dynamic(Op op, const Value& a, const Literal& literal) {
  switch (a.kind) {
    case ValueKind::kInt:
      return literal.is_number && ordered(op, a.i, literal.number);
    case ValueKind::kUint:
      return literal.is_number && ordered(op, a.u, static_cast<uint64_t>(literal.number));
    case ValueKind::kText:
    case ValueKind::kBytes:
      return compare_text(op, a.view(),
                          literal.value.is_text() ? literal.value.view() : std::string_view(literal.text));
    default:
      return false;
  }
}

bool compare_literal(const Test& test, const Value& a, const Literal& literal) {
  if (test.dynamic) return compare_dynamic(test.op, a, literal);
  if (test.op == Op::kRegex) return a.is_text() && literal.regex->matches_whole(a.view());
  return compare(test.op, test.type, a, literal.value, literal.prefix_bits);
}

bool in_literals(const Test& test, const Value& a) {
  if (!test.text_set.empty()) return a.is_text() && test.text_set.contains(a.view());
  if (!test.number_set.empty())
    return (a.kind == ValueKind::kInt || a.kind == ValueKind::kUint) && test.number_set.contains(a.u);
  return std::any_of(test.literals.begin(), test.literals.end(),
                     [&](const auto& literal) { return compare_literal(test, a, *literal); });
}

bool modified(const Test& test, const Value& a) {
  size_t hits = 0;
  for (const auto& literal : test.literals) hits += compare_literal(test, a, *literal) ? 1 : 0;
  switch (test.modifier) {
    case Modifier::kOneOf:
      return hits == 1;
    case Modifier::kAnyOf:
      return hits > 0;
    case Modifier::kAllOf:
      return !test.literals.empty() && hits == test.literals.size();
    case Modifier::kNone:
      break;
  }
  return false;
}

bool in_values(const Test& test, const Value& a, const Value& right) {
  if (right.kind != ValueKind::kList) return compare(Op::kEq, test.type, a, right, -1);
  const auto items = right.items();
  return std::any_of(items.begin(), items.end(),
                     [&](const Value& b) { return !b.missing() && compare(Op::kEq, test.type, a, b, -1); });
}

// A single value on the left.
bool evaluate_one(const Test& test, const Value& a, const Value* right) {
  if (a.missing()) return false;
  const bool members = test.op == Op::kIn || test.op == Op::kIntersects;
  if (right) return members ? in_values(test, a, *right) : compare(test.op, test.type, a, *right, -1);
  if (test.modifier != Modifier::kNone) return modified(test, a);
  if (members) return in_literals(test, a);
  if (test.op == Op::kPmatch) return a.is_text() && test.paths.covers(a.view());
  return compare_literal(test, a, *test.literals.front());
}

}  // namespace

bool evaluate(const Test& test, const Value& left, const Value* right) {
  if (left.missing() || (right && right->missing())) return false;
  if (test.op == Op::kExists) return true;
  if (left.kind != ValueKind::kList || test.over == Test::Over::kOne) return evaluate_one(test, left, right);
  const auto items = left.items();
  auto holds = [&](const Value& item) { return evaluate_one(test, item, right); };
  const bool all = (test.over == Test::Over::kEither && test.op == Op::kNe) ||
                   (test.over == Test::Over::kList && test.op == Op::kIn);
  return all ? std::all_of(items.begin(), items.end(), holds) : std::any_of(items.begin(), items.end(), holds);
}

}  // namespace tiercel::rule
