// Output formats: "text %field[arg] %20field %toupper(field)" -> the resolved text and the typed members of
// output_fields. compile_format() reports mistakes with positions; rendering cannot fail: a missing value is "<NA>" in
// the text and null in the fields. Source: reference, section 3.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/context/event.h"
#include "agent/rule/program.h"
#include "agent/rule/value.h"

namespace tiercel::rule {

// An owning value, as JSON has it.
struct OutputValue {
  enum class Kind : uint8_t { kNull, kText, kInt, kUint, kBool, kList };
  Kind kind = Kind::kNull;
  std::string text;
  int64_t i = 0;
  uint64_t u = 0;
  bool b = false;
  std::vector<OutputValue> items;
};

struct OutputField {
  std::string name;
  OutputValue value;
};

struct Rendered {
  std::string message;              // without time and priority; not yet escaped for one line
  std::vector<OutputField> fields;  // distinct names, in the order of the text; without the prefix's evt.time
};

struct FormatPart {
  std::string text;      // literal text, if operand is kNone
  uint32_t operand = 0;  // index in Program::operands
  int width = 0;         // 0 = as it is
  static constexpr uint32_t kNone = UINT32_MAX;
};

struct FormatField {
  std::string name;      // as written, without % and width
  uint32_t operand = 0;  // index in Program::operands, of the inner field where a transformer is applied
};

struct Format {
  std::vector<FormatPart> parts;
  std::vector<FormatField> fields;
  // append_output's {key: format} entries: a member of output_fields as text
  std::vector<std::pair<std::string, std::vector<FormatPart>>> formatted;
};

class Scratch;

[[nodiscard]] Rendered render_format(const Format& format, const Program& program, Scratch& scratch,
                                     const context::Event& event);

// The text of one value as a condition's or output's reader sees it ("(a,b)", hex, "<NA>").
void append_text(std::string& out, const Operand& operand, const Value& value);

}  // namespace tiercel::rule
