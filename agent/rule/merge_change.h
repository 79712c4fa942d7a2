// What the keys `append` and `override` of an item ask for (reference 1.3 to 1.5.4). Used by merge.cpp only.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "agent/rule/item_reader.h"

namespace tiercel::rule {

struct Change {
  bool append = false;  // append: true
  bool override_given = false;
  std::set<std::string> appended;  // override: {key: append}
  std::set<std::string> replaced;  // override: {key: replace}
  [[nodiscard]] bool defines() const { return !append && !override_given; }
};

// allowed: the keys that override may name. False: reported to the reader.
[[nodiscard]] bool read_change(ItemReader& reader, const Change& allowed, std::string_view name_key, Change& out);

}  // namespace tiercel::rule
