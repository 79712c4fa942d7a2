// What conditions compile to. Distinct operands (fields, transformers) and distinct tests are shared by all rules of a
// set and are evaluated at most once per event; a rule's own part is a chain of instructions {test, yes, no}.
// and, or and not exist only while compiling. A missing value takes the no edge. Immutable once built.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/context/event.h"
#include "agent/rule/ast.h"
#include "agent/rule/fields.h"
#include "agent/rule/path_trie.h"
#include "agent/rule/regex.h"
#include "agent/rule/value.h"
#include "bpf/schema/event.h"

namespace tiercel::rule {

struct Operand {
  enum class Kind : uint8_t { kField, kTransformer, kLiteral, kLiteralList };
  Kind kind = Kind::kField;
  const FieldInfo* field = nullptr;
  FieldArg arg;  // of the field, or of getopt
  Transformer transformer = Transformer::kToLower;
  std::vector<uint32_t> parts;  // operands: transformer arguments, list items
  std::string literal;
  Type type = Type::kCharBuf;
  bool is_list = false;
  bool ancestors = false;  // a list of which any may satisfy a comparison
  bool either = false;     // a list of two endpoints
  bool path = false;       // depends on which of the two paths is looked at
  uint8_t cost = 1;
  std::string text;  // canonical: equal text, equal operand
};

// One value that the rule wrote, in every form that a comparison may need.
struct Literal {
  std::string text;      // decoded; lower case for icontains and iglob; bytes for bcontains
  Value value;           // typed; texts point into `text` of this Literal (fixed after compile)
  int prefix_bits = -1;  // networks
  std::shared_ptr<const Regex> regex;
  bool is_number = false;  // kDyn: the text is also a number
  int64_t number = 0;
};

struct Test {
  uint32_t operand = 0;
  Op op = Op::kExists;
  Modifier modifier = Modifier::kNone;
  Type type = Type::kCharBuf;
  enum class Over : uint8_t { kOne, kAncestors, kEither, kList } over = Over::kOne;  // what the operand's value is
  bool dynamic = false;  // evt.rawarg: the event decides the type
  static constexpr uint32_t kNoRight = UINT32_MAX;
  uint32_t right = kNoRight;  // operand: val(field) or a transformer
  std::vector<std::unique_ptr<Literal>> literals;
  std::unordered_set<std::string_view> text_set;  // `in` over texts; views into literals
  std::unordered_set<uint64_t> number_set;        // `in` over numbers, by their bits
  PathTrie paths;                                 // pmatch
  std::vector<bool> event_types;                  // not empty: the test is "evt.type is one of these", by enum ev_type
  bool path = false;
  uint16_t cost = 1;
  std::string text;  // canonical
};

struct Inst {
  uint32_t test;
  uint32_t yes;
  uint32_t no;
};
inline constexpr uint32_t kHit = UINT32_MAX;
inline constexpr uint32_t kMiss = UINT32_MAX - 1;

struct Program {
  std::vector<Operand> operands;
  std::vector<Test> tests;
  std::vector<Inst> code;
};

// One thread's memory for one event: the arena, operand values and test results, each good for the event it was made
// for. Starting an event costs the same whatever the size of the program.
class Scratch {
 public:
  void bind(const Program& program);
  void begin_event();

  [[nodiscard]] Value operand(const Program& program, uint32_t index, const context::Event& event);
  [[nodiscard]] bool test(const Program& program, uint32_t index, const context::Event& event);
  [[nodiscard]] bool run(const Program& program, uint32_t entry, const context::Event& event);

  void set_view(context::PathView view) { view_ = view; }
  [[nodiscard]] context::PathView view() const { return view_; }
  [[nodiscard]] Arena& arena() { return arena_; }

 private:
  [[nodiscard]] size_t slot(bool path, uint32_t index, size_t count) const {
    return path && view_ == context::PathView::kKernel ? count + index : index;
  }
  Arena arena_;
  context::PathView view_ = context::PathView::kLexical;
  uint32_t epoch_ = 0;
  std::vector<Value> values_;  // twice the operands: lexical view, kernel view
  std::vector<uint32_t> value_epochs_;
  std::vector<uint32_t> test_stamps_;  // epoch * 2 + result
};

// operators.cpp
[[nodiscard]] bool evaluate(const Test& test, const Value& left, const Value* right);
// transformers.cpp
[[nodiscard]] Value apply(const Operand& operand, std::span<const Value> parts, Arena& arena);

}  // namespace tiercel::rule
