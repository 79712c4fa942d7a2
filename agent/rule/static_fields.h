// The user's own constants (static_fields in the configuration): the field static.KEY, a text, for conditions and
// outputs. One set per process: it is put in place before rules are compiled, because a rule that names a key that is
// not there is an error, and stays while any rule set lives. Reading is for any thread; setting is for the thread that
// loads rules, before the first event.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::rule {

using StaticFields = std::vector<std::pair<std::string, std::string>>;

void set_static_fields(StaticFields fields);
[[nodiscard]] const StaticFields& static_fields();
// nullptr: no such key.
[[nodiscard]] const std::string* static_field(std::string_view key);
// The longest key at the start of the text; "" if none.
[[nodiscard]] std::string_view longest_static_key(std::string_view text);

}  // namespace tiercel::rule
