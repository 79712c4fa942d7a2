// tiercel rules export
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "agent/alert/mitre.h"
#include "agent/base/fd.h"
#include "agent/cli/commands.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/rules_loaded.h"
#include "siem/wazuh/content.h"

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

wazuh::Detection detection_of(const rule::Rule& rule) {
  wazuh::Detection out{rule.name, alert::category_of(rule.tags), rule.priority, alert::mitre_of(rule.tags).techniques};
  if (out.category.empty()) out.category = std::filesystem::path(rule.position.file).stem().string();
  for (char& c : out.category)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return out;
}

}  // namespace

int rules_export_wazuh4(const RulesExportArgs& args) {
  for (const unsigned base : {args.base, args.parents})
    if (base < wazuh::kRuleIdsPerBase || base % wazuh::kRuleIdsPerBase != 0)
      return report({"--base and --parents take a multiple of 1000, for example 110000", Fault::kUser});
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
  for (const rule::Rule* rule : in_order(*loaded.rules)) detections.push_back(detection_of(*rule));
  const auto xml = wazuh::manager_rules(detections, std::move(ids), {args.base, args.parents});
  if (!xml) return report(xml.error());
  if (args.output.empty()) {
    std::fputs(xml->c_str(), stdout);
  } else if (const auto written = write_file_atomically(args.output, *xml, 0644); !written) {
    return report(written.error());
  }
  return 0;
}

}  // namespace tiercel::cli
