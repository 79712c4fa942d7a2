#include "agent/falco/keys.h"

#include <algorithm>

#include "agent/config/load.h"
#include "agent/config/text.h"
#include "agent/falco/readers.h"

namespace tiercel::falco {
namespace {

using enum KeyType;
using enum Standing;

constexpr Reader kNoReader = nullptr;

constexpr KeyRow kKeys[] = {
#define KEY(path, type, absent, standing, quiet, reader, note) {path, type, absent, standing, quiet, reader, note},
#include "agent/falco/keys.def"
};

std::string_view last_of(std::string_view path) {
  return path.substr(path.rfind('.') + 1);  // npos + 1 is 0
}

}  // namespace

std::span<const KeyRow> all_keys() {
  return kKeys;
}

const KeyRow* find_key(std::string_view path) {
  for (const KeyRow& row : kKeys)
    if (row.path == path) return &row;
  return nullptr;
}

std::string_view type_text(KeyType type) {
  static constexpr std::string_view kTexts[] = {"true/false", "integer", "number", "text",
                                                "texts",      "map",     "maps",   "any"};
  return kTexts[static_cast<size_t>(type)];
}

std::string_view standing_text(Standing standing) {
  static constexpr std::string_view kTexts[] = {"read", "ignored", "refused"};
  return kTexts[static_cast<size_t>(standing)];
}

std::vector<std::string_view> keys_in(std::string_view section) {
  std::vector<std::string_view> names;
  for (const KeyRow& row : kKeys) {
    if (section.empty()) {
      if (row.path.find('.') == std::string_view::npos) names.push_back(row.path);
    } else if (row.path.starts_with(section) && row.path.size() > section.size() && row.path[section.size()] == '.') {
      const std::string_view rest = row.path.substr(section.size() + 1);
      if (rest.find('.') == std::string_view::npos) names.push_back(rest);
    }
  }
  return names;
}

std::string suggest_key(std::string_view section, std::string_view key) {
  if (const std::string_view near = config::nearest(key, keys_in(section)); !near.empty())
    return "did you mean " + std::string(near) + "?";
  for (const KeyRow& row : kKeys)
    if (last_of(row.path) == key) return "did you mean " + std::string(row.path) + "?";
  for (const std::string& own : config::known_keys())
    if (section.empty() && own.substr(0, own.find_first_of(".[")) == key)
      return std::string(key) + " is a key of tiercel.yaml: write it there";
  return {};
}

}  // namespace tiercel::falco
