// The `exceptions` key of a rule: definition, append and replace (reference 1.8), checked as far as Falco does while it
// reads. Used by merge.cpp; the operators also by exceptions.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/rule/item_reader.h"
#include "agent/rule/merge.h"

namespace tiercel::rule {

// Adds to `out` (append: true) or defines. Mistakes are told to the reader. checked: fields and operators are looked at
// too; not so for the rules of a source that is not there.
void read_exceptions(ItemReader& reader, bool append, bool checked, std::vector<ExceptionItem>& out);

// An operator as an exception may name it: "startswith", "in", " =  oneof ".
struct Comparison {
  std::string text;         // one blank between words, none around
  bool takes_list = false;  // in, pmatch, intersects, or a modifier
  bool valid = false;
};
[[nodiscard]] Comparison comparison_of(std::string_view written);

}  // namespace tiercel::rule
