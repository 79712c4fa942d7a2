// Output text -> Format. Used by load.cpp only.
#pragma once

#include <string>
#include <vector>

#include "agent/rule/format.h"
#include "agent/rule/resolve.h"
#include "agent/rule/text.h"

namespace tiercel::rule {

// The parts of one output text; the fields of its tokens are added to `fields` (nullptr: nowhere). Problems go to
// notes.
[[nodiscard]] std::vector<FormatPart> compile_parts(const MappedText& text, ProgramBuilder& builder, bool strict,
                                                    Notes& notes, std::vector<FormatField>* fields);
// A field given by name (append_output's extra_fields).
void add_extra_field(const std::string& name, ProgramBuilder& builder, Notes& notes, std::vector<FormatField>& fields);

}  // namespace tiercel::rule
