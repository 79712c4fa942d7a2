// tiercel rules export
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "agent/alert/mitre.h"
#include "agent/base/fd.h"
#include "agent/cli/commands.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/rules_export.h"
#include "agent/cli/rules_loaded.h"
#include "siem/wazuh/techniques.h"

namespace tiercel::cli {
namespace {

constexpr size_t kFileBytesMax = 4u << 20;

// In the order of the files: only new rules depend on it.
std::vector<const rule::Rule*> in_order(const rule::RuleSet& rules) {
  std::vector<const rule::Rule*> out;
  for (rule::RuleId id = 0; id < rules.size(); ++id) out.push_back(&rules.rule(id));
  std::stable_sort(out.begin(), out.end(), [](const rule::Rule* a, const rule::Rule* b) {
    return a->position.file != b->position.file ? a->position.file < b->position.file
                                                : a->position.line < b->position.line;
  });
  return out;
}

// Techniques that the manager lacks, and what stands for each: told once, since tags and what a manager shows differ.
using Replaced = std::map<std::string, std::pair<std::string, size_t>>;

std::vector<std::string> known_to_manager(const std::vector<std::string>& techniques, Replaced& replaced) {
  std::vector<std::string> out;
  for (const std::string& technique : techniques) {
    const std::string known = wazuh::manager_technique(technique).value_or("");
    if (known != technique) ++replaced.try_emplace(technique, known, 0).first->second.second;
    if (!known.empty() && std::find(out.begin(), out.end(), known) == out.end()) out.push_back(known);
  }
  return out;
}

wazuh::Detection detection_of(const rule::Rule& rule, Replaced& replaced) {
  wazuh::Detection out{rule.name,
                       alert::category_of(rule.tags),
                       rule.priority,
                       known_to_manager(alert::mitre_of(rule.tags).techniques, replaced),
                       {}};
  if (out.category.empty()) out.category = std::filesystem::path(rule.position.file).stem().string();
  for (char& c : out.category)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  for (const std::string& tag : rule.tags)
    if (wazuh::is_requirement(tag)) out.requirements.push_back(tag);
  return out;
}

void tell(const Replaced& replaced) {
  for (const auto& [technique, known] : replaced)
    std::fprintf(stderr, "note: %s is newer than the ATT&CK 13.1 of Wazuh 4.14: %s (%zu rule%s)\n", technique.c_str(),
                 known.first.empty() ? "left out" : ("written as " + known.first).c_str(), known.second,
                 known.second == 1 ? "" : "s");
}

Result<std::string> part_of(const RulesExportArgs& args, const std::vector<wazuh::Detection>& detections,
                            std::map<std::string, uint32_t> ids) {
  const wazuh::Bases bases{args.base, args.parents};
  if (args.part == "rules") return wazuh::manager_rules(detections, std::move(ids), bases);
  const auto shipped = alert::shipped_categories();
  const std::vector<std::string> categories(shipped.begin(), shipped.end());
  if (args.part == "responses") return manager_responses(wazuh::ids_by_category(detections, ids, categories, bases));
  if (std::none_of(detections.begin(), detections.end(), [](const auto& d) { return d.name == kListenerRule; }))
    return fail("the sums need the shipped rules: there is no rule '" + std::string(kListenerRule) + "'", Fault::kUser);
  return wazuh::manager_sums(categories, kListenerRule, bases);
}

}  // namespace

int rules_export_wazuh4(const RulesExportArgs& args) {
  for (const unsigned base : {args.base, args.parents})
    if (base < wazuh::kRuleIdsPerBase || base % wazuh::kRuleIdsPerBase != 0)
      return report({"--base and --parents take a multiple of 1000, for example 110000", Fault::kUser});
  if (args.part == "responses" && args.ids.empty())
    return report({"--part responses takes --ids FILE: the rules file that the manager has", Fault::kUser});
  std::map<std::string, uint32_t> ids;
  const std::string& ids_file = args.ids.empty() ? args.output : args.ids;
  if (!ids_file.empty() && (!args.ids.empty() || std::filesystem::exists(ids_file))) {
    const auto text = read_file(ids_file, kFileBytesMax);
    if (!text) return report(text.error());
    ids = wazuh::detection_ids(*text);
  }
  const rule::Loaded loaded = load_described(args.rules.files);
  if (!loaded.rules || loaded.diagnostics.errors() > 0) return 1;
  std::vector<wazuh::Detection> detections;
  Replaced replaced;
  for (const rule::Rule* rule : in_order(*loaded.rules)) detections.push_back(detection_of(*rule, replaced));
  const auto xml = part_of(args, detections, std::move(ids));
  if (!xml) return report(xml.error());
  if (args.part == "rules") tell(replaced);
  if (args.output.empty()) {
    std::fputs(xml->c_str(), stdout);
  } else if (const auto written = write_file_atomically(args.output, *xml, 0644); !written) {
    return report(written.error());
  }
  return 0;
}

}  // namespace tiercel::cli
