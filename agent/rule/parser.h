// The parser of conditions: text -> ast.h. One pass, recursive descent, bounded depth; pure, any thread.
//
//   expr     := and { "or" and }
//   and      := not { "and" not }
//   not      := { "not" } check                               repeated not cancels out
//   check    := "(" expr ")" | lhs cond | macro
//   lhs      := transformer "(" targ { "," targ } ")" [ arg ] | field [ arg ]
//   targ     := number | quoted | "(" [ titem { "," titem } ] ")" | transformer | field
//   titem    := field | transformer | quoted | number
//   cond     := "exists"
//             | ( "<=" | "<" | ">=" | ">" ) ( number | rhs )
//             | strop ( modifier list | rhs | value )
//             | ( "intersects" | "in" | "pmatch" ) ( "(" [ value { "," value } ] ")" | rhs | identifier )
//   strop    := "==" | "=" | "!=" | glob iglob contains icontains bcontains startswith bstartswith endswith regex
//   modifier := ( "oneof" | "anyof" | "allof" ) blank, then a list or an identifier that is no keyword
//   rhs      := "val" "(" field [ arg ] ")" | transformer
//   value    := quoted | bare
//   arg      := "[" ( quoted | any but ]["' and blanks ) "]"      directly after the name
//
// not binds tighter than and, and tighter than or. Keywords need a blank or "(" after them, word operators a blank.
// Source: reference, section 2.3.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "agent/rule/ast.h"
#include "agent/rule/text.h"

namespace tiercel::rule {

struct ParseOptions {
  int depth_max = 1000;       // Falco's limit for rules
  bool allow_not_in = false;  // tolerant: `f not in (..)` is `not f in (..)`
};

struct ParseNote {
  size_t offset = 0;
  std::string message;
  std::string hint;
};

struct Parsed {
  ExprPtr expr;
  std::vector<ParseNote> bends;  // what Falco would have refused
};

[[nodiscard]] tl::expected<Parsed, ParseNote> parse_condition(std::shared_ptr<const MappedText> text,
                                                              const ParseOptions& options = {});
// A field or transformer expression alone ("tolower(proc.name)", "proc.aname[2]"): exception fields, output tokens.
// `consumed` tells where it ended; without it the whole text must be one.
[[nodiscard]] tl::expected<OperandAst, ParseNote> parse_operand(std::shared_ptr<const MappedText> text,
                                                                size_t begin = 0, size_t* consumed = nullptr);

[[nodiscard]] bool is_transformer_name(std::string_view name);

}  // namespace tiercel::rule
