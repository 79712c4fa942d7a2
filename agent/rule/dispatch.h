// Dispatch: from an event to the few rules that are worth running. For each event type it holds
//   gates   cheap tests that many rules need (read or write, host or container), answered once into a mask,
//   needs   which fields' texts to look up,
//   rules   under the text, the plain test or, if nothing better is known, under the event type alone.
// It leaves out only rules that cannot match. Immutable once built, any thread; Candidates is one thread's memory.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/rule/clues.h"
#include "agent/rule/rule.h"
#include "agent/rule/scratch.h"

namespace tiercel::rule {

class Dispatch {
 public:
  using Mask = uint32_t;  // by gate
  struct Entry {
    RuleId rule = 0;
    Mask mask = 0;  // the gates that the rule needs
  };
  // Rules of one clue; true if one of `masks` is open.
  struct Plain {
    Wanted wanted;
    std::vector<Entry> rules;
  };
  struct Need {
    uint32_t operand = 0;
    match::Kind kind = match::Kind::kExact;
    std::vector<Mask> masks;  // distinct; worth looking up if one of them is satisfied
  };
  struct Bucket {
    std::vector<Wanted> gates;
    std::vector<Need> needs;
    std::vector<Plain> plains;
    std::vector<Entry> always;
    size_t rules = 0;
  };
  struct Posting {
    uint32_t bucket = 0;
    Entry entry;
  };
  static constexpr uint32_t kNoBucket = UINT32_MAX;

  Dispatch() = default;
  // clues: by rule; a rule without any is never run. program: indexed.
  Dispatch(const Program& program, const std::vector<std::vector<Clues>>& clues, const std::vector<bool>& active);

  [[nodiscard]] uint32_t bucket_of(size_t type) const { return by_type_[type]; }
  [[nodiscard]] const Bucket& bucket(uint32_t index) const { return buckets_[index]; }
  [[nodiscard]] std::span<const Posting> postings(match::PatternId pattern) const {
    return {postings_.data() + first_posting_[pattern], first_posting_[pattern + 1] - first_posting_[pattern]};
  }

 private:
  class Builder;
  std::array<uint32_t, EVT_COUNT> by_type_{};
  std::vector<Bucket> buckets_;
  std::vector<Posting> postings_;
  std::vector<uint32_t> first_posting_;  // by pattern, one more than there are
};

// The rules to run for one event, in matching order.
class Candidates {
 public:
  void bind(size_t rules) { epochs_.assign(rules, 0), epoch_ = 0; }
  // scratch: its event has begun. two_paths: see Event::has_two_paths().
  std::span<const RuleId> find(const Dispatch& dispatch, const Program& program, Scratch& scratch,
                               const context::Event& event, bool two_paths);

 private:
  void add(RuleId rule);
  std::vector<uint32_t> epochs_;  // by rule
  uint32_t epoch_ = 0;
  std::vector<RuleId> found_;
};

}  // namespace tiercel::rule
