// Scratch: one thread's memory for one event: the arena, operand values, test results and which texts held, each good
// for the event that it was made for. Starting an event costs the same whatever the size of the program, and nothing is
// allocated once a stream of events has been seen. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/context/event.h"
#include "agent/rule/alert_facts.h"
#include "agent/rule/image_cache.h"
#include "agent/rule/open_cache.h"
#include "agent/rule/program.h"
#include "agent/rule/value.h"

namespace tiercel::rule {

class Scratch {
 public:
  void bind(const Program& program);
  void begin_event();

  [[nodiscard]] const Value& operand(const Program& program, uint32_t index, Subject subject);
  [[nodiscard]] bool test(const Program& program, uint32_t index, Subject subject);
  [[nodiscard]] bool run(const Program& program, uint32_t entry, Subject subject);
  // Looks up all texts of one kind that the operand is compared with, unless that is done.
  void look_up(const Program& program, uint32_t operand, match::Kind kind, Subject subject);
  // Patterns that held so far for this event, in the order of being found; a path's may be there once for each view.
  [[nodiscard]] const std::vector<match::PatternId>& hits() const { return hits_; }

  void set_view(context::PathView view) { view_ = view; }
  [[nodiscard]] context::PathView view() const { return view_; }
  [[nodiscard]] Arena& arena() { return arena_; }

 private:
  struct Lookup {
    std::array<uint32_t, match::kKinds> epochs{};
    uint32_t first_exact = 0, exacts = 0;  // in hits_
  };
  [[nodiscard]] size_t slot(bool path, size_t index, size_t count) const {
    return path && view_ == context::PathView::kKernel ? count + index : index;
  }
  [[nodiscard]] Value read(const FieldInfo& field, const FieldArg& arg, Subject subject);
  [[nodiscard]] Value make(const Program& program, const Operand& operand, Subject subject);
  [[nodiscard]] bool indexed_test(const Program& program, const Test& test, Subject subject);
  void find_all(const Operand& operand, const match::Index& index, match::Kind kind, const Value& value);
  // Where what find_all() says for the operand is kept, and in which place; nullptr: nowhere.
  std::pair<FoundTexts*, uint32_t> kept_for(const Operand& operand, match::Kind kind, Subject subject);
  // What find_all() says for the operand, from there where it is known.
  void find_kept(const Program& program, uint32_t operand, match::Kind kind, Subject subject);
  void hit(size_t stamps_at, match::PatternId id);

  Arena arena_;
  context::PathView view_ = context::PathView::kLexical;
  uint32_t epoch_ = 0;
  struct Slot {
    Value value;
    uint32_t epoch = 0;
  };
  std::vector<Slot> values_;              // twice the operands: lexical view, kernel view
  std::vector<uint32_t> test_stamps_;     // epoch * 2 + result
  std::vector<Lookup> lookups_;           // twice the operands
  std::vector<uint32_t> pattern_epochs_;  // twice the patterns
  std::vector<match::PatternId> hits_;
  // On the heap: a Scratch is kept by value. Behind each what it has for the event, once it was asked for.
  std::unique_ptr<ImageCache> images_;
  FoundTexts* image_ = nullptr;
  std::unique_ptr<OpenCache> opens_;
  std::optional<FoundTexts*> open_;
};

}  // namespace tiercel::rule
