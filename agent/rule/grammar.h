// The words of the condition language as the parser asks for them: words.def as tables, by the group that the grammar
// puts them in. Constant.
#pragma once

#include <string_view>

#include "agent/rule/ast.h"

namespace tiercel::rule {

template <class Id>
struct Word {
  std::string_view text;
  Id id;
};

inline constexpr std::string_view kExistsWord =
#define UNARY_OP(word, op, doc) word
#include "agent/rule/words.def"
    ;

inline constexpr Word<Op> kNumericOps[] = {
#define NUMERIC_OP(word, op, doc) {word, Op::op},
#include "agent/rule/words.def"
};
inline constexpr Word<Op> kSymbolOps[] = {
#define SYMBOL_OP(word, op, doc) {word, Op::op},
#include "agent/rule/words.def"
};
inline constexpr Word<Op> kWordOps[] = {
#define WORD_OP(word, op, doc) {word, Op::op},
#include "agent/rule/words.def"
};
inline constexpr Word<Op> kListOps[] = {
#define LIST_OP(word, op, doc) {word, Op::op},
#include "agent/rule/words.def"
};
inline constexpr Word<Modifier> kModifierWords[] = {
#define MODIFIER(word, modifier, doc) {word, Modifier::modifier},
#include "agent/rule/words.def"
};
inline constexpr Word<Transformer> kTransformerWords[] = {
#define TRANSFORMER(word, transformer, first, second, more, result, arg, doc) {word, Transformer::transformer},
#include "agent/rule/words.def"
};
inline constexpr std::string_view kTransformerHint = "transformers:"
#define TRANSFORMER(word, transformer, first, second, more, result, arg, doc) " " word
#include "agent/rule/words.def"
    ;

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
