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

Error no_such_rule(const rule::Loaded& loaded, const std::string& name) {
  if (std::find(loaded.skipped.begin(), loaded.skipped.end(), name) != loaded.skipped.end())
    return {"the rule '" + name + "' has a mistake and is left out: see above", Fault::kUser};
  std::vector<std::string_view> names;
  for (rule::RuleId id = 0; loaded.rules && id < loaded.rules->size(); ++id)
    names.push_back(loaded.rules->rule(id).name);
  const std::string near = rule::nearest(name, names);
  return {"there is no rule '" + name + "'; " +
              (near.empty() ? "`tiercel rules list` shows the names" : "did you mean '" + near + "'?"),
          Fault::kUser};
}

}  // namespace tiercel::cli
