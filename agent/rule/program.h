// What conditions compile to. Distinct operands (fields, transformers) and distinct tests are shared by all rules of a
// set and are evaluated at most once per event; a rule's own part is a chain of instructions {test, yes, no}.
// and, or and not exist only while compiling. A missing value takes the no edge. Immutable once built.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/match/index.h"
#include "agent/match/path_trie.h"
#include "agent/match/regex.h"
#include "agent/rule/ast.h"
#include "agent/rule/fields.h"
#include "agent/rule/value.h"

namespace tiercel::rule {

using match::glob_match;
using match::PathTrie;
using match::Regex;
using match::valid_utf8;

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
  bool of_open = false;    // of an open reads nothing but its record, head and number of the descriptor apart
  bool of_image = false;   // reads nothing but the event's image: what held for it once holds as long as it is there
  uint8_t cost = 1;
  static constexpr uint32_t kNoIndex = UINT32_MAX;
  uint32_t index = kNoIndex;       // Program::indexes: every text that it is compared with
  uint32_t kinds = 0;              // match::Kind, a bit each: how it is compared with these
  uint32_t image_slot = kNoIndex;  // with of_image: its first place in an ImageCache, one for each kind
  uint32_t open_slot = kNoIndex;   // with of_open: likewise in an OpenCache, two for each kind, a path each
  [[nodiscard]] uint32_t nth(match::Kind of) const {  // among its kinds
    return static_cast<uint32_t>(std::popcount(kinds & ((1U << static_cast<unsigned>(of)) - 1)));
  }
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
  // The operand's index answers it: true if one of these patterns holds (sorted).
  bool indexed = false;
  match::Kind kind = match::Kind::kExact;
  std::vector<match::PatternId> patterns;
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
  std::vector<match::Index> indexes;
  uint32_t pattern_count = 0;  // over all indexes
  uint32_t image_slots = 0;    // places of an image in an ImageCache
  uint32_t open_slots = 0;     // ... of an open in an OpenCache
};

// True if the test asks for nothing but one of several texts: what index_texts() takes over.
[[nodiscard]] bool indexable(const Program& program, const Test& test, match::Kind* kind = nullptr);
// True if the test holds for no event: an empty list, and evt.num = 0, with which people write "never" (the first event
// has number 1).
[[nodiscard]] bool holds_never(const Program& program, const Test& test);
// Gathers the texts of all such tests into one index per operand. Once, when all tests are there.
void index_texts(Program& program);

// operators.cpp
[[nodiscard]] bool evaluate(const Test& test, const Value& left, const Value* right);
// transformers.cpp
[[nodiscard]] Value apply(const Operand& operand, std::span<const Value> parts, Arena& arena);

}  // namespace tiercel::rule
