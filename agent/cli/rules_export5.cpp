// tiercel rules export wazuh5
#include <cstdio>

#include "agent/alert/mitre.h"
#include "agent/attack/table.h"
#include "agent/base/fd.h"
#include "agent/cli/commands.h"
#include "agent/cli/rules_commands.h"
#include "agent/cli/rules_loaded.h"
#include "siem/wazuh/content.h"
#include "siem/wazuh/content5.h"

namespace tiercel::cli {
namespace {

wazuh::Detection5 detection_of(const rule::Rule& rule) {
  alert::Mitre mitre = alert::mitre_of(rule.tags);
  wazuh::Detection5 out{rule.name,
                        alert::category_of(rule.tags),
                        rule.description,
                        rule.priority,
                        std::move(mitre.tactics),
                        {},
                        std::move(mitre.techniques),
                        {}};
  for (const std::string& name : out.tactics)
    for (const attack::Tactic& tactic : attack::tactics())
      if (tactic.name == name) out.tactic_ids.emplace_back(tactic.id);
  for (const std::string& tag : rule.tags)
    if (wazuh::is_requirement(tag)) out.requirements.push_back(tag);
  return out;
}

}  // namespace

int rules_export_wazuh5(const RulesExportArgs& args) {
  const rule::Loaded loaded = load_described(args.rules.files);
  if (!loaded.rules || loaded.diagnostics.errors() > 0) return 1;
  std::vector<wazuh::Detection5> detections;
  for (rule::RuleId id = 0; id < loaded.rules->size(); ++id) detections.push_back(detection_of(loaded.rules->rule(id)));
  const std::string yaml = wazuh::sigma_rules(std::move(detections));
  std::fputs("note: a preview, for a Wazuh that is not released; see docs/wazuh-5.md\n", stderr);
  if (args.output.empty()) {
    std::fputs(yaml.c_str(), stdout);
  } else if (const auto written = write_file_atomically(args.output, yaml, 0644); !written) {
    return report(written.error());
  }
  return 0;
}

}  // namespace tiercel::cli
