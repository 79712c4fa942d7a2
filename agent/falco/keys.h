// The table of falco.yaml's keys (keys.def): what each is, and what becomes of it here. Constant; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/node.h"
#include "agent/config/reading.h"

namespace tiercel::falco {

struct Draft;  // draft.h

enum class KeyType : uint8_t { kBool, kInteger, kNumber, kText, kTexts, kMap, kMaps, kAny };
enum class Standing : uint8_t { kRead, kIgnored, kRefused };

using Reader = void (*)(config::Reading& reading, const config::TreeNode& node, Draft& draft);

struct KeyRow {
  std::string_view path;
  KeyType type;
  std::string_view absent;  // Falco's default
  Standing standing;
  std::string_view quiet;  // values that need no word, joined by |; "*": every value
  Reader read;             // nullptr: none
  std::string_view note;
};

[[nodiscard]] std::span<const KeyRow> all_keys();
[[nodiscard]] const KeyRow* find_key(std::string_view path);
[[nodiscard]] std::string_view type_text(KeyType type);
[[nodiscard]] std::string_view standing_text(Standing standing);

// The names of the keys of a section ("" is the top level): "engine" -> kind, kmod, ...
[[nodiscard]] std::vector<std::string_view> keys_in(std::string_view section);
// What an unknown key may have meant; empty when nothing is near.
[[nodiscard]] std::string suggest_key(std::string_view section, std::string_view key);

}  // namespace tiercel::falco
