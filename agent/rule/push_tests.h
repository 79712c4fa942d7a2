// PushTests: which facts of bpf/schema/push.h say that a test may have a given answer. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/rule/clues.h"
#include "agent/rule/program.h"
#include "agent/rule/push_ranges.h"
#include "agent/rule/push_texts.h"

namespace tiercel::rule {

// Events whose hooks ask, by what the kernel knows of them: it looks at opens, new sockets and doubled descriptors
// before it makes a record, at the others' records.
enum class PushShape : uint8_t { kOpen, kPath, kSock, kNewSocket, kDoubled };
inline constexpr PushShape kPushShapes[] = {PushShape::kOpen, PushShape::kPath, PushShape::kSock, PushShape::kNewSocket,
                                            PushShape::kDoubled};
[[nodiscard]] std::optional<PushShape> push_shape(uint16_t type);

using PushFacts = std::array<uint64_t, PUSH_WORDS>;

class PushTests {
 public:
  explicit PushTests(const Program& program) : program_(program) {}

  // The test has that answer only on events with one of these facts. Nothing: the kernel cannot say. Patterns with gaps
  // have facts of rank 1 as well, which are needed too; of all others these are the same.
  [[nodiscard]] std::optional<PushFacts> facts_of(const Wanted& wanted, PushShape shape, unsigned rank = 0);
  // Which share of events has one of them, by a guess that serves to order clauses.
  [[nodiscard]] double chance_of(const PushFacts& facts) const;
  // False: too much for the kernel's tables.
  [[nodiscard]] bool build(push_set& set) const;

 private:
  [[nodiscard]] std::optional<PushFacts> text_facts(uint32_t index, const Test& test, PushShape shape, unsigned rank);
  [[nodiscard]] std::vector<PushPiece> pieces_of(const Test& test, PushShape shape, unsigned rank) const;
  [[nodiscard]] std::optional<PushFacts> range_facts(const Wanted& wanted, const Test& test, PushShape shape);

  const Program& program_;
  PushTexts texts_;
  PushRanges ranges_;
  std::map<std::tuple<uint32_t, PushText, unsigned>, std::optional<PushFacts>> known_;  // of texts, by test and rank
  std::map<std::vector<PushPiece>, uint32_t> facts_of_pieces_;
  std::map<Wanted, std::optional<uint32_t>> known_ranges_;  // facts of numbers and addresses
  uint32_t next_ = PF_TEXTS, next_of_program_ = PF_PROGRAM;
  std::array<double, PUSH_BITS> chances_{};  // of texts
  PushFacts of_program_{};                   // facts that a process has for as long as it runs a program
  [[nodiscard]] std::optional<uint32_t> new_fact(bool of_program);
};

}  // namespace tiercel::rule
