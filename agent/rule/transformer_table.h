// What transformers take and give: words.def as data. Constant, any thread. What they do is in transformers.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/rule/program.h"

namespace tiercel::rule {

enum class ArgKind : uint8_t {
  kNone,
  kText,         // one text
  kTextOrTexts,  // a text; of a list each element
  kTextOrBytes,  // the same, or a buffer
  kMeasurable,   // whatever has a length
  kList,
};
[[nodiscard]] std::string_view arg_text(ArgKind kind);  // "a text"

enum class ResultKind : uint8_t { kSameAsFirst, kNumber, kText, kTexts };
[[nodiscard]] std::string_view result_text(ResultKind kind);

struct TransformerInfo {
  std::string_view word;
  Transformer id;
  ArgKind first, second;
  bool more;  // further arguments like the second
  ResultKind result;
  bool takes_arg;  // [c] after it
  std::string_view doc;
};
[[nodiscard]] std::span<const TransformerInfo> all_transformers();
[[nodiscard]] const TransformerInfo* transformer_info(Transformer id);  // nullptr: no word of the language

// "join(a text, a list)"
[[nodiscard]] std::string usage(const TransformerInfo& info);
// What is wrong with these arguments, "" if nothing.
[[nodiscard]] std::string argument_problem(const TransformerInfo& info, std::span<const Operand* const> arguments);

}  // namespace tiercel::rule
