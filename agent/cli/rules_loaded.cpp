#include "agent/cli/rules_loaded.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "agent/cli/commands.h"
#include "agent/rule/names.h"

namespace tiercel::cli {

rule::Loaded load_described(const std::vector<std::string>& files, rule::Matching matching) {
  rule::LoadOptions options;
  options.describe = true;
  options.lint = options.warn_unused = false;
  options.matching = matching;
  rule::Loaded loaded = rule::load_paths(files.empty() ? default_rules() : files, options);
  for (const Diagnostic& d : loaded.diagnostics.all())
    if (d.severity == Diagnostic::Severity::kError)
      std::fputs(loaded.diagnostics.render(d, colour_wanted(STDERR_FILENO)).c_str(), stderr);
  return loaded;
}

void put_threshold(Json& out, const rule::Rule& rule) {
  if (!rule.threshold) return;
  out.key("threshold").open_object().put_number("count", rule.threshold->count);
  out.put("timespan", rule::timespan_text(rule.threshold->timespan_ns)).put_all("group_by", rule.threshold->group_by);
  out.put("distinct", rule.threshold->distinct).close_object();
}

void put_response(Json& out, const rule::Response& response) {
  const rule::Action& action = response.action;
  out.open_object().put("name", response.name).put("description", response.description);
  out.put("condition", response.condition).key("action").open_object().put("type", action_text(action.type));
  using enum rule::ActionType;
  const bool targeted = action.type <= kIsolate;
  if (targeted) out.put("target", target_text(action.target));
  if (action.type == kSignal) out.put_number("signal", static_cast<uint64_t>(action.signal));
  if (action.type == kBlock) out.put("address", action.address);
  if (action.type == kQuarantine) out.put("file", file_text(action.file));
  if (action.type == kExec) out.put_all("program", action.program);
  if (action.type == kSuspend || action.type == kIsolate || action.type == kBlock || action.type == kExec)
    out.put_number("timeout_ms", action.timeout_ms);
  out.close_object().put("does", to_string(action)).put_bool("enabled", response.enabled);
  out.put_bool("dry_run", response.dry_run).put_number("budget_per_min", response.budget_per_min);
  out.put_position(response.position).close_object();
}

const rule::Response* response_named(const rule::Loaded& loaded, const std::string& name) {
  if (loaded.rules)
    for (const rule::Response& response : loaded.rules->responses())
      if (response.name == name) return &response;
  return nullptr;
}

Error no_such_rule(const rule::Loaded& loaded, const std::string& name) {
  if (std::find(loaded.skipped.begin(), loaded.skipped.end(), name) != loaded.skipped.end())
    return {"the rule '" + name + "' has a mistake and is left out: see above", Fault::kUser};
  std::vector<std::string_view> names;
  for (rule::RuleId id = 0; loaded.rules && id < loaded.rules->size(); ++id)
    names.push_back(loaded.rules->rule(id).name);
  if (loaded.rules)
    for (const rule::Response& response : loaded.rules->responses()) names.push_back(response.name);
  const std::string near = rule::nearest(name, names);
  return {"there is no rule '" + name + "'; " +
              (near.empty() ? "`tiercel rules list` shows the names" : "did you mean '" + near + "'?"),
          Fault::kUser};
}

}  // namespace tiercel::cli
