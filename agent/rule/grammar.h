// The words of the condition language, each written once: operators by the group that the grammar puts them in,
// modifiers, transformers. Constant.
#pragma once

#include <string_view>

#include "agent/rule/ast.h"

namespace tiercel::rule {

template <class Id>
struct Word {
  std::string_view text;
  Id id;
};

inline constexpr std::string_view kExistsWord = "exists";

// Longer words before those that they begin with: they are tried in this order.
inline constexpr Word<Op> kNumericOps[] = {{"<=", Op::kLe}, {"<", Op::kLt}, {">=", Op::kGe}, {">", Op::kGt}};
inline constexpr Word<Op> kSymbolOps[] = {{"==", Op::kEq}, {"=", Op::kEq}, {"!=", Op::kNe}};
inline constexpr Word<Op> kWordOps[] = {
    {"glob", Op::kGlob},
    {"iglob", Op::kIGlob},
    {"contains", Op::kContains},
    {"icontains", Op::kIContains},
    {"bcontains", Op::kBContains},
    {"startswith", Op::kStartsWith},
    {"bstartswith", Op::kBStartsWith},
    {"endswith", Op::kEndsWith},
    {"regex", Op::kRegex},
};
inline constexpr Word<Op> kListOps[] = {{"intersects", Op::kIntersects}, {"in", Op::kIn}, {"pmatch", Op::kPmatch}};

inline constexpr Word<Modifier> kModifierWords[] = {
    {"oneof", Modifier::kOneOf}, {"anyof", Modifier::kAnyOf}, {"allof", Modifier::kAllOf}};

inline constexpr Word<Transformer> kTransformerWords[] = {
    {"tolower", Transformer::kToLower},   {"toupper", Transformer::kToUpper}, {"b64", Transformer::kB64},
    {"basename", Transformer::kBasename}, {"len", Transformer::kLen},         {"join", Transformer::kJoin},
    {"concat", Transformer::kConcat},     {"getopt", Transformer::kGetopt},
};
inline constexpr std::string_view kTransformerHint =
    "transformers: tolower, toupper, b64, basename, len, join, concat, getopt";

template <class Id, size_t N>
constexpr const Word<Id>* find_word(const Word<Id> (&words)[N], std::string_view text) {
  for (const Word<Id>& word : words)
    if (word.text == text) return &word;
  return nullptr;
}

[[nodiscard]] constexpr bool is_text_op(std::string_view text) {
  return find_word(kSymbolOps, text) || find_word(kWordOps, text);
}
[[nodiscard]] constexpr bool is_list_op(std::string_view text) {
  return find_word(kListOps, text) != nullptr;
}
[[nodiscard]] constexpr bool is_keyword(std::string_view text) {
  return text == "and" || text == "or" || text == "not";
}

}  // namespace tiercel::rule
