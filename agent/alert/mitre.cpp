#include "agent/alert/mitre.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "agent/attack/table.h"

namespace tiercel::alert {
namespace {

constexpr std::array<std::string_view, 6> kCategories = {"container_escape", "privilege_escalation", "cryptomining",
                                                         "reverse_shell",    "file_integrity",       "network"};
constexpr std::string_view kTacticPrefix = "mitre_";

bool digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

// T1234 or T1234.001, in either case.
bool is_technique(std::string_view tag) {
  if (tag.empty() || (tag.front() != 'T' && tag.front() != 't')) return false;
  tag.remove_prefix(1);
  if (tag.size() == 4) return digits(tag);
  return tag.size() == 8 && digits(tag.substr(0, 4)) && tag[4] == '.' && digits(tag.substr(5));
}

}  // namespace

Mitre mitre_of(const std::vector<std::string>& tags) {
  Mitre out;
  for (const std::string& tag : tags) {
    if (is_technique(tag)) {
      out.techniques.push_back("T" + tag.substr(1));
    } else if (tag.starts_with(kTacticPrefix)) {
      std::string tactic = tag.substr(kTacticPrefix.size());
      std::replace(tactic.begin(), tactic.end(), '_', '-');
      const auto known = attack::tactics();
      if (std::any_of(known.begin(), known.end(), [&](const auto& one) { return one.name == tactic; }))
        out.tactics.push_back(tactic);
    }
  }
  return out;
}

std::span<const std::string_view> shipped_categories() {
  return kCategories;
}

std::string category_of(const std::vector<std::string>& tags) {
  for (std::string_view category : kCategories)
    if (std::find(tags.begin(), tags.end(), category) != tags.end()) return std::string(category);
  return {};
}

}  // namespace tiercel::alert
