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
// append_output's extra fields: one given by name, with its own value, and one given by a format, as text. Of two with
// one key the later counts.
void add_extra_field(const std::string& name, ProgramBuilder& builder, Notes& notes, Format& format);
void add_extra_format(const std::string& key, std::vector<FormatPart> parts, Format& format);

}  // namespace tiercel::rule
