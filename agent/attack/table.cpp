#include "agent/attack/table.h"

#include <algorithm>
#include <array>

#include "agent/attack/techniques_text.h"

namespace tiercel::attack {
namespace {

constexpr std::array<Tactic, 14> kTactics = {{{"reconnaissance", "Reconnaissance", "TA0043"},
                                              {"resource-development", "Resource Development", "TA0042"},
                                              {"initial-access", "Initial Access", "TA0001"},
                                              {"execution", "Execution", "TA0002"},
                                              {"persistence", "Persistence", "TA0003"},
                                              {"privilege-escalation", "Privilege Escalation", "TA0004"},
                                              {"defense-evasion", "Defense Evasion", "TA0005"},
                                              {"credential-access", "Credential Access", "TA0006"},
                                              {"discovery", "Discovery", "TA0007"},
                                              {"lateral-movement", "Lateral Movement", "TA0008"},
                                              {"collection", "Collection", "TA0009"},
                                              {"command-and-control", "Command and Control", "TA0011"},
                                              {"exfiltration", "Exfiltration", "TA0010"},
                                              {"impact", "Impact", "TA0040"}}};
constexpr std::string_view kVersionAfter = "Enterprise, version ";

// What is before the separator, which goes too.
std::string_view take(std::string_view& text, char separator) {
  const size_t at = std::min(text.find(separator), text.size());
  const std::string_view out = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return out;
}

std::vector<Technique> read(std::string_view text) {
  std::vector<Technique> out;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    if (line.empty() || line.front() == '#') continue;
    Technique& one = out.emplace_back();
    one.id = take(line, '\t');
    one.name = take(line, '\t');
    for (std::string_view tactics = take(line, '\t'); !tactics.empty();) one.tactics.push_back(take(tactics, ','));
    one.on_our_ground = !line.empty();
  }
  std::sort(out.begin(), out.end(), [](const Technique& a, const Technique& b) { return a.id < b.id; });
  return out;
}

}  // namespace

std::span<const Tactic> tactics() {
  return kTactics;
}

std::span<const Technique> techniques() {
  static const std::vector<Technique> table = read(kTechniquesText);
  return table;
}

const Technique* find(std::string_view id) {
  const auto all = techniques();
  const auto at = std::lower_bound(all.begin(), all.end(), id,
                                   [](const Technique& one, std::string_view wanted) { return one.id < wanted; });
  return at != all.end() && at->id == id ? &*at : nullptr;
}

std::string_view version() {
  std::string_view text = kTechniquesText;
  text.remove_prefix(std::min(text.find(kVersionAfter) + kVersionAfter.size(), text.size()));
  return text.substr(0, std::min(text.find_first_of(", \n"), text.size()));
}

}  // namespace tiercel::attack
