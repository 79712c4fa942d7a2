// What a rule wrote on the right side -> a typed Literal. Pure but for service names.
#pragma once

#include <memory>
#include <string>

#include "agent/base/result.h"
#include "agent/rule/ast.h"
#include "agent/rule/program.h"

namespace tiercel::rule {

// The error's message is Falco's; hint may be set on failure.
[[nodiscard]] Result<std::unique_ptr<Literal>> make_literal(const std::string& text, Type type, bool dynamic, Op op,
                                                            std::string& hint);

enum class TypeClass : uint8_t { kNumeric, kBool, kText, kBytes, kAddress, kOther };
[[nodiscard]] TypeClass class_of(Type type);
[[nodiscard]] bool is_signed(Type type);
// Falco's words for the class in "operator not supported for ... filters".
[[nodiscard]] std::string_view class_text(Type type);
[[nodiscard]] bool op_allowed(Type type, bool is_list, Op op);

}  // namespace tiercel::rule
