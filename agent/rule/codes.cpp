#include "agent/rule/codes.h"

namespace tiercel::rule {
namespace {

using enum Diagnostic::Severity;
constexpr CodeInfo kCodes[] = {
#define CODE(severity, name, title, doc) {severity, #name, title, doc},
#include "agent/rule/codes.def"
};

}  // namespace

std::span<const CodeInfo> all_codes() {
  return kCodes;
}

const CodeInfo* code_by_name(std::string_view name) {
  for (const CodeInfo& code : kCodes)
    if (code.name == name) return &code;
  return nullptr;
}

}  // namespace tiercel::rule
