#include "agent/config/rule_places.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "agent/config/config.h"

namespace tiercel::config {
namespace {

constexpr std::string_view kFalcoStock = "falco_rules.yaml";

// A link that leads nowhere is a mistake, told as such when it is read.
bool is_missing(const std::string& path) {
  std::error_code code;
  return std::filesystem::symlink_status(path, code).type() == std::filesystem::file_type::not_found;
}

bool has_one_of(const std::vector<std::string>& list, const std::vector<std::string>& wanted) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& path) {
    return std::find(wanted.begin(), wanted.end(), path) != wanted.end();
  });
}

}  // namespace

std::vector<std::string> shipped_rules() {
  std::vector<std::string> places = Config{}.rules_files;
  places.emplace_back("rules");  // those of the sources, for a program that is not installed
  for (const std::string& path : places)
    if (!is_missing(path)) return {path};
  return {places.front()};
}

RulePlaces find_rules(const std::vector<std::string>& rules_files, const std::vector<std::string>& shipped,
                      const std::string& falco_folder) {
  const bool none = std::all_of(rules_files.begin(), rules_files.end(), is_missing);
  bool has_shipped = has_one_of(rules_files, shipped) || std::any_of(shipped.begin(), shipped.end(), is_missing);
  RulePlaces places;
  for (const std::string& path : rules_files) {
    if (!is_missing(path)) {
      places.there.push_back(path);
      continue;
    }
    MissingRules missing{.path = path, .instead = {}};
    if (path.starts_with(falco_folder) && !has_shipped && (none || path == falco_folder + std::string(kFalcoStock))) {
      missing.instead = shipped;
      has_shipped = true;
      places.there.insert(places.there.end(), shipped.begin(), shipped.end());
    }
    places.missing.push_back(std::move(missing));
  }
  return places;
}

}  // namespace tiercel::config
