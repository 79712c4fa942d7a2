#include "agent/reload/rules.h"

#include <algorithm>
#include <filesystem>

#include "decoders/catalog.h"

namespace tiercel::reload {
namespace {

bool is_missing(const std::string& path) {
  std::error_code code;
  const auto kind = std::filesystem::symlink_status(path, code).type();
  return kind == std::filesystem::file_type::not_found;
}

}  // namespace

rule::Loaded load_rules(const config::Config& config, rule::LoadOptions options) {
  options.warn_unused = false;  // a library of macros is no mistake; `tiercel rules check` tells of it
  std::vector<std::string> there, missing;
  for (const std::string& path : config.rules_files) (is_missing(path) ? missing : there).push_back(path);
  rule::Loaded loaded = rule::load_paths(there, options);
  for (const std::string& path : missing)
    loaded.diagnostics.warning({path, 0, 0}, "is not there and is passed by",
                               "create it, or take it out of rules_files", "LOAD_ERR_FILE_READ");
  return loaded;
}

std::string why_useless(const rule::Loaded& loaded, const config::Config& config) {
  if (loaded.rules && loaded.rules->active_count() > 0) return {};
  std::string where;
  for (const std::string& path : config.rules_files) where += (where.empty() ? "" : ", ") + path;
  return "no rule is active: nothing would ever be detected. Rules were looked for in " +
         (where.empty() ? "no file at all" : where) + "; name some with --rules FILE or in rules_files";
}

sensor::Wanted wanted_by(const rule::RuleSet& rules) {
  sensor::Wanted wanted;
  const rule::EventTypes& needed = rules.event_types_needed();
  for (uint16_t type = 1; type < EVT_COUNT; ++type)
    if (needed.test(type)) wanted.events.push_back(type);
  for (const char* field : {"proc.env", "proc.aenv", "evt.args", "evt.info"}) wanted.env |= rules.reads_field(field);
  // proc.cwd between two execs: worth two hooks when a rule reads it, or when hooks on system calls are there anyway
  // (the first one of them is what costs every call something).
  const bool has_hooks = std::any_of(wanted.events.begin(), wanted.events.end(), [](uint16_t type) {
    const decoders::EventInfo* info = decoders::event_info(type);
    return info->record->name != "fork" && info->name != "procexit";
  });
  if (has_hooks || rules.reads_field("proc.cwd"))
    for (uint16_t type : {EVT_chdir, EVT_fchdir})
      if (!needed.test(type)) wanted.events.push_back(type);
  wanted.threads = needed.test(EVT_clone) || needed.test(EVT_clone3);
  return wanted;
}

}  // namespace tiercel::reload
