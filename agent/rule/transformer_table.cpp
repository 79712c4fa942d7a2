#include "agent/rule/transformer_table.h"

#include "agent/rule/literals.h"

namespace tiercel::rule {
namespace {

using enum ArgKind;
constexpr TransformerInfo kTransformers[] = {
#define TRANSFORMER(word, transformer, first, second, more, result, arg, doc) \
  {word, Transformer::transformer, first, second, more, ResultKind::result, arg, doc},
#include "agent/rule/words.def"
};

bool fits(ArgKind kind, const Operand& operand) {
  const bool text = class_of(operand.type) == TypeClass::kText;
  switch (kind) {
    case kNone:
      return false;
    case kText:
      return text && !operand.is_list;
    case kTextOrTexts:
      return text;
    case kTextOrBytes:
      return operand.type == Type::kCharBuf || operand.type == Type::kByteBuf;
    case kMeasurable:
      return operand.is_list || text || operand.type == Type::kByteBuf;
    case kList:
      return operand.is_list;
  }
  return false;
}

std::string kind_of(const Operand& operand) {
  return (operand.is_list ? "a list of " : "") + std::string(type_text(operand.type));
}

}  // namespace

std::string_view arg_text(ArgKind kind) {
  switch (kind) {
    case kNone:
      return "";
    case kText:
      return "a text";
    case kTextOrTexts:
      return "a text or a list of texts";
    case kTextOrBytes:
      return "a text, bytes, or a list of them";
    case kMeasurable:
      return "a text, bytes or a list";
    case kList:
      return "a list";
  }
  return "";
}

std::string_view result_text(ResultKind kind) {
  switch (kind) {
    case ResultKind::kSameAsFirst:
      return "as its argument";
    case ResultKind::kNumber:
      return "UINT64";
    case ResultKind::kText:
      return "CHARBUF";
    case ResultKind::kTexts:
      return "list of CHARBUF; with [c] CHARBUF";
  }
  return "";
}

std::span<const TransformerInfo> all_transformers() {
  return kTransformers;
}

const TransformerInfo* transformer_info(Transformer id) {
  for (const TransformerInfo& info : kTransformers)
    if (info.id == id) return &info;
  return nullptr;
}

std::string usage(const TransformerInfo& info) {
  std::string out = std::string(info.word) + "(" + std::string(arg_text(info.first));
  if (info.second != kNone) out += ", " + std::string(arg_text(info.second));
  return out + (info.more ? ", ...)" : ")");
}

std::string argument_problem(const TransformerInfo& info, std::span<const Operand* const> arguments) {
  const size_t least = info.second == kNone ? 1 : 2;
  if (arguments.size() < least || (arguments.size() > least && !info.more))
    return "it takes " + std::string(info.more ? "at least " : "") + std::to_string(least) +
           (least == 1 ? " argument" : " arguments");
  for (size_t n = 0; n < arguments.size(); ++n) {
    const ArgKind kind = n == 0 ? info.first : info.second;
    if (!fits(kind, *arguments[n]))
      return "the type " + kind_of(*arguments[n]) + " is not supported: argument " + std::to_string(n + 1) +
             " has to be " + std::string(arg_text(kind));
  }
  return "";
}

}  // namespace tiercel::rule
