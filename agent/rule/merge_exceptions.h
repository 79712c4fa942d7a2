// The `exceptions` key of a rule: definition, append and replace (reference 1.8). Used by merge.cpp only.
#pragma once

#include <vector>

#include "agent/rule/item_reader.h"
#include "agent/rule/merge.h"

namespace tiercel::rule {

// Adds to `out` (append: true) or defines. Mistakes are told to the reader.
void read_exceptions(ItemReader& reader, bool append, std::vector<ExceptionItem>& out);

}  // namespace tiercel::rule
