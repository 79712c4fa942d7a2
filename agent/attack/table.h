// MITRE ATT&CK Enterprise as the program carries it: techniques.txt of this folder, whose head names the version and
// its terms. Built once, immutable then; any thread.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace tiercel::attack {

struct Tactic {
  std::string_view name;   // ATT&CK's short name: "privilege-escalation"
  std::string_view title;  // "Privilege Escalation"
  std::string_view id;     // "TA0004"
};
// In the order of ATT&CK's matrix.
[[nodiscard]] std::span<const Tactic> tactics();

struct Technique {
  std::string_view id;  // "T1611", "T1059.004"
  std::string_view name;
  std::vector<std::string_view> tactics;  // short names
  bool on_our_ground = false;             // ATT&CK names Linux or Containers as its platform
};
[[nodiscard]] std::span<const Technique> techniques();  // by id
// nullptr: there is none of that id in this version, or no longer.
[[nodiscard]] const Technique* find(std::string_view id);
[[nodiscard]] std::string_view version();  // "18.1"

}  // namespace tiercel::attack
