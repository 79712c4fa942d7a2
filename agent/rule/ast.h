// The condition as it was written: a tree of and/or/not, checks and macro references. Each node knows the text that it
// comes from and where in it, so that an error in a macro points into the macro. Made by parser.h, changed by expand.h
// (macros), read by resolve.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/rule/text.h"

namespace tiercel::rule {

enum class Op : uint8_t {
  kExists,
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kContains,
  kIContains,
  kBContains,
  kStartsWith,
  kBStartsWith,
  kEndsWith,
  kGlob,
  kIGlob,
  kRegex,
  kIn,
  kIntersects,
  kPmatch,
};
[[nodiscard]] std::string_view op_text(Op op);  // "=" for both of its spellings

enum class Modifier : uint8_t { kNone, kOneOf, kAnyOf, kAllOf };
[[nodiscard]] std::string_view modifier_text(Modifier modifier);

// kAddressText is no word of the language: it is how a text operator on an address is bent into shape.
enum class Transformer : uint8_t { kToLower, kToUpper, kB64, kBasename, kLen, kJoin, kConcat, kGetopt, kAddressText };

// Where a node was written: a text (shared by all nodes of one condition) and an offset in it.
struct Origin {
  std::shared_ptr<const MappedText> text;
  size_t begin = 0;
  size_t end = 0;
  [[nodiscard]] Position position() const { return text ? text->position_at(begin) : Position{}; }
};

// What stands on either side of an operator or inside a transformer.
struct OperandAst {
  enum class Kind : uint8_t { kField, kTransformer, kText, kNumber, kList };
  Kind kind = Kind::kField;
  std::string name;  // field or transformer name; text or number as written (decoded)
  bool has_arg = false;
  std::string arg;
  bool is_value = false;          // written as val(field)
  std::vector<OperandAst> parts;  // transformer arguments, list items
  Origin origin;
};

struct ValueAst {
  std::string text;  // decoded
  bool quoted = false;
  Origin origin;
};

struct CheckAst {
  OperandAst left;
  Op op = Op::kExists;
  Modifier modifier = Modifier::kNone;
  std::vector<ValueAst> values;       // one, or the list of in/intersects/pmatch/modifiers
  bool is_list = false;               // written with ( ) or as an identifier after a list operator
  std::unique_ptr<OperandAst> right;  // val(field) or transformer, instead of values
  Origin op_origin;
};

struct Expr {
  enum class Kind : uint8_t { kAnd, kOr, kNot, kCheck, kMacro };
  Kind kind = Kind::kCheck;
  std::vector<std::unique_ptr<Expr>> children;  // kAnd, kOr: two or more; kNot: one
  std::unique_ptr<CheckAst> check;
  std::string macro;  // kMacro: which one. Others: the macro whose condition this was, if it was one
  Origin origin;
};
using ExprPtr = std::unique_ptr<Expr>;

[[nodiscard]] ExprPtr clone(const Expr& expr);
[[nodiscard]] OperandAst clone(const OperandAst& operand);
// The condition in its shortest form; parsing it gives the same tree.
[[nodiscard]] std::string to_string(const Expr& expr);
[[nodiscard]] std::string to_string(const OperandAst& operand);
[[nodiscard]] std::string to_string(const CheckAst& check);
// A value as it must be written in a condition: quoted if it has to be.
[[nodiscard]] std::string quoted_if_needed(std::string_view value);

}  // namespace tiercel::rule
