// The codes of errors and warnings about rules: codes.def as a table. Constant, any thread.
#pragma once

#include <span>
#include <string_view>

#include "agent/base/diagnostic.h"

namespace tiercel::rule {

struct CodeInfo {
  Diagnostic::Severity severity;
  std::string_view name;
  std::string_view title;
  std::string_view doc;
};
[[nodiscard]] std::span<const CodeInfo> all_codes();
[[nodiscard]] const CodeInfo* code_by_name(std::string_view name);

}  // namespace tiercel::rule
