// ATT&CK from tags: "T1611", "T1059.004" are techniques; "mitre_privilege_escalation" is a tactic. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::alert {

struct Mitre {
  std::vector<std::string> techniques;  // as ATT&CK writes them
  std::vector<std::string> tactics;     // "privilege-escalation", ATT&CK's short names
};
[[nodiscard]] Mitre mitre_of(const std::vector<std::string>& tags);

[[nodiscard]] std::span<const std::string_view> shipped_categories();

// One of the six shipped categories ("container_escape", ...) if a tag names it, else "".
[[nodiscard]] std::string category_of(const std::vector<std::string>& tags);

}  // namespace tiercel::alert
