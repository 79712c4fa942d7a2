// What the kernel knows of one test of a condition: the second half of exact.h. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/rule/program.h"
#include "bpf/schema/condition.h"

namespace tiercel::rule {

// A test as the kernel sees it when a program has started in a container.
struct KernelTest {
  enum class Kind : uint8_t { kUnknown, kTrue, kFalse, kAny } kind = Kind::kUnknown;
  std::vector<cond_inst> any;  // kAny: holds if one of these does; without edges
  bool negated = false;        // kAny: holds if none does
};

class KernelTests {
 public:
  // Adds the texts that the test asks for.
  [[nodiscard]] KernelTest of(const Program& program, const Test& test);

  [[nodiscard]] std::vector<cond_text>& texts() { return texts_; }
  [[nodiscard]] uint32_t bits() const { return bits_; }

 private:
  [[nodiscard]] KernelTest text_test(const Test& test, cond_field field);
  [[nodiscard]] bool add_texts(cond_field field, const std::string& text);
  std::vector<cond_text> texts_;
  uint32_t bits_ = 0;
};

}  // namespace tiercel::rule
