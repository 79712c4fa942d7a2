// Response rules in rule files (docs/response-rules.md): the keys of the item and of its `action:`. Used by merge.cpp
// only.
#pragma once

#include <optional>

#include "agent/rule/item_reader.h"
#include "agent/rule/merge.h"
#include "agent/rule/merge_change.h"

namespace tiercel::rule {

// An item with `action:` that no detection needs the keys of.
[[nodiscard]] bool is_response(const YamlNode& item);
// What `override` of a response may name.
[[nodiscard]] const Change& response_change_allowed();
void warn_unknown_response_keys(ItemReader& reader);
// Nothing: reported to the reader.
[[nodiscard]] std::optional<ResponseItem> read_response(ItemReader& reader, const MappedText& name);
// The keys that `change` names, put over what was there. False: reported, and `response` is of no use.
[[nodiscard]] bool change_response(ItemReader& reader, const Change& change, ResponseItem& response);

}  // namespace tiercel::rule
