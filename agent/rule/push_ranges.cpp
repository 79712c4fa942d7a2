#include "agent/rule/push_ranges.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <string_view>

#include "agent/rule/literals.h"

namespace tiercel::rule {
namespace {

constexpr uint32_t kMost = std::numeric_limits<uint32_t>::max();

struct SideOf {
  std::string_view field;
  push_side side;
};
constexpr SideOf kSides[] = {
    {"user.uid", PUSH_USER},  {"evt.rawres", PUSH_RESULT}, {"fd.lip", PUSH_LOCAL},    {"fd.lnet", PUSH_LOCAL},
    {"fd.lport", PUSH_LOCAL}, {"fd.rip", PUSH_REMOTE},     {"fd.rnet", PUSH_REMOTE},  {"fd.rport", PUSH_REMOTE},
    {"fd.cip", PUSH_CLIENT},  {"fd.cnet", PUSH_CLIENT},    {"fd.cport", PUSH_CLIENT}, {"fd.sip", PUSH_SERVER},
    {"fd.snet", PUSH_SERVER}, {"fd.sport", PUSH_SERVER},   {"fd.ip", PUSH_EITHER},    {"fd.net", PUSH_EITHER},
    {"fd.port", PUSH_EITHER},
};

bool is_equality(Op op) {
  return op == Op::kEq || op == Op::kIn || op == Op::kIntersects || op == Op::kNe;
}

// The numbers from one to another for which a comparison holds (of `!=`: those for which it does not). Empty: none.
std::optional<push_range> numbers_of(Op op, uint64_t value) {
  uint64_t low = value, high = value;
  if (op == Op::kLt || op == Op::kLe) low = 0;
  if (op == Op::kGt || op == Op::kGe) high = kMost;
  if (op == Op::kLt && high-- == 0) return std::nullopt;
  if (op == Op::kGt) ++low;
  if (low > kMost || low > high) return std::nullopt;
  push_range out{};
  out.low = static_cast<uint32_t>(low);
  out.high = static_cast<uint32_t>(std::min<uint64_t>(high, kMost));
  return out;
}

push_range network_of(const Literal& literal) {
  const bool v4 = literal.value.kind == ValueKind::kIp4;
  const int bits = literal.prefix_bits >= 0 ? literal.prefix_bits : v4 ? 32 : 128;
  push_range out{};
  out.family = v4 ? AF_INET : AF_INET6;
  uint8_t mask[16] = {};
  for (int bit = 0; bit < bits; ++bit) mask[bit / 8] |= static_cast<uint8_t>(0x80 >> (bit % 8));
  std::memcpy(out.mask, mask, sizeof mask);
  std::memcpy(out.address, literal.value.ip.data(), v4 ? 4 : 16);
  return out;
}

// All that the test names; nothing: it asks for something else.
std::optional<std::vector<push_range>> ranges_of(const Test& test) {
  const bool address = class_of(test.type) == TypeClass::kAddress;
  const bool order = test.op == Op::kLt || test.op == Op::kLe || test.op == Op::kGt || test.op == Op::kGe;
  if (!is_equality(test.op) && (address || !order)) return std::nullopt;
  std::vector<push_range> out;
  for (const auto& literal : test.literals) {
    if (address)
      out.push_back(network_of(*literal));
    else if (const auto numbers = numbers_of(test.op, literal->value.u))
      out.push_back(*numbers);
  }
  return out.empty() ? std::nullopt : std::optional(out);
}

// Of a test that takes its type from the event: that the parameter is one of these numbers.
std::optional<std::vector<push_range>> numbers_alone(const Test& test, bool answer) {
  if (!answer || !is_equality(test.op) || test.op == Op::kNe) return std::nullopt;
  std::vector<push_range> out;
  for (const auto& literal : test.literals) {
    if (!literal->is_number || literal->number < 0 || literal->number > std::numeric_limits<uint16_t>::max())
      return std::nullopt;
    out.push_back(*numbers_of(Op::kEq, static_cast<uint64_t>(literal->number)));
  }
  return out;
}

// A result has a sign, and is compared where it is a number of a descriptor: of one that is none no test may be true.
bool is_of_descriptors(const Test& test) {
  if (!is_equality(test.op) && test.op != Op::kGe && test.op != Op::kGt) return false;
  return std::ranges::all_of(test.literals, [](const auto& literal) {
    return literal->value.u <= uint64_t{std::numeric_limits<int32_t>::max()};
  });
}

// Which tests of connections are answered in one step, with those of users, and what the others may say.
void note_few(push_set& set) {
  set.ranges_few = set.ranges_of_users;
  for (uint32_t n = set.ranges_of_users; n < set.ranges_end; ++n) {
    if (set.ranges[n].last == 0) continue;
    if (n < set.ranges_of_calls + PUSH_RANGES_STEP)
      set.ranges_few = n + 1;
    else
      for (const uint32_t fact : {set.ranges[n].in, set.ranges[n].out})
        if (fact != 0) set.facts_of_rest |= uint64_t{1} << fact;
  }
}

}  // namespace

std::optional<push_side> side_of(const Operand& operand) {
  if (operand.arg.given && operand.field->name == "evt.rawarg") {
    if (operand.arg.text == "domain") return PUSH_DOMAIN;
    return operand.arg.text == "proto" ? std::optional(PUSH_PROTOCOL) : std::nullopt;
  }
  const auto* found = std::find_if(std::begin(kSides), std::end(kSides),
                                   [&](const SideOf& side) { return side.field == operand.field->name; });
  return found == std::end(kSides) ? std::nullopt : std::optional(found->side);
}

std::optional<uint32_t> PushRanges::add(const Test& test, push_side side, bool answer) {
  const bool inside = answer != (test.op == Op::kNe);
  // of two ends neither lies in it: that one does not is true of nearly all
  if (side == PUSH_EITHER && !inside) return std::nullopt;
  if (side == PUSH_RESULT && !is_of_descriptors(test)) return std::nullopt;
  auto ranges = test.dynamic ? numbers_alone(test, answer) : ranges_of(test);
  if (!ranges || test.modifier != Modifier::kNone || next_ >= PF_TEXTS) return std::nullopt;
  const uint32_t fact = next_++;
  for (push_range& range : *ranges) {
    range.side = side;
    (inside ? range.in : range.out) = static_cast<__u16>(fact);
  }
  ranges->back().last = 1;
  tests_.push_back(std::move(*ranges));
  return fact;
}

bool PushRanges::build(push_set& set) const {
  constexpr auto group_of = [](uint8_t side) {
    if (side == PUSH_USER) return 1;
    return is_of_call(static_cast<push_side>(side)) ? 0 : 2;
  };
  uint32_t* const ends[] = {&set.ranges_of_calls, &set.ranges_of_users, &set.ranges_end};
  std::vector<const std::vector<push_range>*> shortest;
  for (const auto& ranges : tests_) shortest.push_back(&ranges);
  std::ranges::stable_sort(shortest, {}, [](const auto* ranges) { return ranges->size(); });
  size_t used = 0;
  for (int group = 0; group < 3; ++group) {
    for (const auto* ranges : shortest) {
      if (group_of(ranges->front().side) != group) continue;
      if (used + ranges->size() > PUSH_RANGES_MAX) return false;
      std::ranges::copy(*ranges, set.ranges + used);
      used += ranges->size();
    }
    *ends[group] = static_cast<uint32_t>(used);
  }
  note_few(set);
  return true;
}

}  // namespace tiercel::rule
