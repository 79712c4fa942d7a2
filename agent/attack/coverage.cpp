#include "agent/attack/coverage.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

namespace tiercel::attack {
namespace {

using RulesByTechnique = std::map<std::string_view, std::pair<const Technique*, std::set<std::string>>>;

bool has(const auto& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

std::vector<std::string_view> places(const Technique& technique, const TaggedRule& rule) {
  std::vector<std::string_view> out;
  for (const std::string_view tactic : technique.tactics)
    if (has(rule.tactics, tactic)) out.push_back(tactic);
  return out.empty() ? technique.tactics : out;
}

Column column_of(const Tactic& tactic, const RulesByTechnique& found) {
  Column out{&tactic, {}, 0, 0};
  std::set<std::string> rules;
  for (const auto& [id, cell] : found) {
    out.cells.push_back({cell.first, {cell.second.begin(), cell.second.end()}});
    rules.insert(cell.second.begin(), cell.second.end());
  }
  out.rules = rules.size();
  for (const Technique& one : techniques()) out.known += one.on_our_ground && has(one.tactics, tactic.name) ? 1 : 0;
  return out;
}

}  // namespace

Coverage coverage_of(const std::vector<TaggedRule>& rules) {
  Coverage out;
  std::map<std::string_view, RulesByTechnique> by_tactic;
  std::set<std::string_view> seen;
  for (const TaggedRule& rule : rules) {
    bool tagged = false;
    for (const std::string& id : rule.techniques) {
      const Technique* technique = find(id);
      if (!technique) {
        out.unknown.push_back(rule.name + ": " + id);
        continue;
      }
      tagged = true;
      seen.insert(technique->id);
      for (const std::string_view tactic : places(*technique, rule)) {
        auto& cell = by_tactic[tactic][technique->id];
        cell.first = technique;
        cell.second.insert(rule.name);
      }
    }
    if (tagged) ++out.rules;
    if (rule.techniques.empty()) out.untagged.push_back(rule.name);
  }
  out.techniques = seen.size();
  for (const Technique& one : techniques()) out.known += one.on_our_ground ? 1 : 0;
  for (const Tactic& tactic : tactics()) out.columns.push_back(column_of(tactic, by_tactic[tactic.name]));
  return out;
}

std::string to_markdown(const Coverage& coverage) {
  std::string out = fmt::format(
      "{} rules name {} techniques and sub-techniques of ATT&CK Enterprise {}, of {} that it has for Linux or "
      "containers.\nA name in a column says that a rule tells of that behaviour in some form, and not that each way to "
      "do it is seen.\n\n| tactic | techniques | of | rules |\n|---|---|---|---|\n",
      coverage.rules, coverage.techniques, version(), coverage.known);
  for (const Column& column : coverage.columns)
    out +=
        fmt::format("| {} | {} | {} | {} |\n", column.tactic->title, column.cells.size(), column.known, column.rules);
  for (const Column& column : coverage.columns) {
    if (column.cells.empty()) continue;
    out += fmt::format("\n## {}\n\n| technique | name | rules |\n|---|---|---|\n", column.tactic->title);
    for (const Cell& cell : column.cells) {
      std::string names;
      for (const std::string& name : cell.rules) names += (names.empty() ? "" : "; ") + name;
      out += fmt::format("| {} | {} | {} |\n", cell.technique->id, cell.technique->name, names);
    }
  }
  return out;
}

}  // namespace tiercel::attack
