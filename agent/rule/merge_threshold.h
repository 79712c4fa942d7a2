// The key `threshold` of a rule (docs/rules-that-count.md): reading it, and finding its fields. Falco does not have it.
// Used by merge.cpp and load.cpp.
#pragma once

#include <optional>

#include "agent/rule/item_reader.h"
#include "agent/rule/merge.h"
#include "agent/rule/resolve.h"
#include "agent/rule/threshold.h"

namespace tiercel::rule {

// Mistakes are told to the reader. Nothing: there was one, or `threshold:` has nothing in it, which means no threshold.
[[nodiscard]] std::optional<ThresholdItem> read_threshold(ItemReader& reader);
[[nodiscard]] Threshold threshold_of(const ThresholdItem& item);
// Nothing: the rule does not count, or the notes have errors.
[[nodiscard]] std::optional<Counting> compile_threshold(const RuleItem& item, ProgramBuilder& builder, bool strict,
                                                        Notes& notes);

}  // namespace tiercel::rule
