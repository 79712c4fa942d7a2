// PushTests: which facts of bpf/schema/push.h say that a test may have a given answer. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "agent/rule/clues.h"
#include "agent/rule/program.h"
#include "agent/rule/push_texts.h"

namespace tiercel::rule {

// Event types whose hooks ask.
inline constexpr uint16_t kPushed[] = {EVT_open, EVT_openat, EVT_openat2};

using PushFacts = std::array<uint64_t, PUSH_WORDS>;

class PushTests {
 public:
  explicit PushTests(const Program& program) : program_(program) {}

  // The test has that answer only on events with one of these facts. Nothing: the kernel cannot say.
  [[nodiscard]] std::optional<PushFacts> facts_of(const Wanted& wanted);
  [[nodiscard]] const PushTexts& texts() const { return texts_; }
  // Facts that a process has for as long as it runs a program.
  [[nodiscard]] const PushFacts& of_program() const { return of_program_; }

 private:
  [[nodiscard]] std::optional<PushFacts> text_facts(uint32_t index, const Test& test);

  const Program& program_;
  PushTexts texts_;
  std::map<uint32_t, std::optional<PushFacts>> known_;  // of texts, by test
  uint32_t next_ = PF_TEXTS, next_of_program_ = PF_PROGRAM;
  PushFacts of_program_{};
  [[nodiscard]] std::optional<uint32_t> new_fact(bool of_program);
};

}  // namespace tiercel::rule
