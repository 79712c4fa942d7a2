// PushRanges: numbers and addresses that tests need, as the kernel compares them (bpf/schema/push.h). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/rule/program.h"
#include "bpf/schema/push.h"

namespace tiercel::rule {

// Of what a call is made with, or gives; else of a user or of a connection.
[[nodiscard]] constexpr bool is_of_call(push_side side) {
  return side == PUSH_DOMAIN || side == PUSH_PROTOCOL || side == PUSH_RESULT;
}

// What a number or address field is about; nothing: the kernel does not compare it.
[[nodiscard]] std::optional<push_side> side_of(const Operand& operand);

class PushRanges {
 public:
  // The fact that says that the test may have that answer. Nothing: the kernel cannot say, or has no room.
  [[nodiscard]] std::optional<uint32_t> add(const Test& test, push_side side, bool answer);
  // False: too many for the kernel's table.
  [[nodiscard]] bool build(push_set& set) const;

 private:
  std::vector<std::vector<push_range>> tests_;
  uint32_t next_ = PF_RANGES;
};

}  // namespace tiercel::rule
