#include "agent/reload/rules.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "agent/config/rule_places.h"
#include "agent/rule/exact.h"
#include "agent/rule/push_down.h"
#include "decoders/catalog.h"

namespace tiercel::reload {
rule::Loaded load_rules(const config::Config& config, rule::LoadOptions options) {
  options.warn_unused = false;  // a library of macros is no mistake; `tiercel rules check` tells of it
  const config::RulePlaces places = config::find_rules(config.rules_files);
  std::vector<rule::RuleText> of_group;
  if (config.group_rules)
    for (const config::GroupRules& file : *config.group_rules) of_group.push_back({file.name, file.text});
  rule::Loaded loaded = rule::load_paths(places.there, options, std::move(of_group));
  for (const config::MissingRules& missing : places.missing) {
    const std::string instead = missing.instead.empty() ? "" : missing.instead.front();
    loaded.diagnostics.warning({missing.path, 0, 0},
                               instead.empty()
                                   ? "is not there and is passed by"
                                   : "is not there: Tiercel's own rules, " + instead + ", are read in its place",
                               instead.empty() ? "create it, or take it out of rules_files"
                                               : "create it, or name " + instead + " in rules_files",
                               "LOAD_ERR_FILE_READ");
  }
  return loaded;
}

std::string why_useless(const rule::Loaded& loaded, const config::Config& config) {
  if (loaded.rules && loaded.rules->active_count() > 0) return {};
  std::string where;
  for (const std::string& path : config.rules_files) where += (where.empty() ? "" : ", ") + path;
  return "no rule is active: nothing would ever be detected. Rules were looked for in " +
         (where.empty() ? "no file at all" : where) + "; name some with --rules FILE or in rules_files";
}

namespace {

using Fields = std::set<std::string, std::less<>>;

// Parameters by number ("evt.arg[0]") and as raw values ("evt.rawarg[env]") are read as well as by name and as text:
// adds "evt.arg[NAME]" for each.
void add_names_of_parameters(const rule::EventTypes& needed, Fields& read) {
  Fields names;
  for (const std::string& field : read) {
    std::string_view param = field;
    for (std::string_view prefix : {"evt.arg[", "evt.rawarg["})
      if (param.starts_with(prefix)) param = param.substr(prefix.size(), param.size() - prefix.size() - 1);
    if (param.size() == field.size()) continue;
    size_t index = 0;
    const auto [end, error] = std::from_chars(param.data(), param.data() + param.size(), index);
    if (error != std::errc() || end != param.data() + param.size()) {
      names.insert("evt.arg[" + std::string(param) + "]");
      continue;
    }
    for (const decoders::EventInfo& event : decoders::all_events())
      if (needed.test(event.type) && index < event.params.size())
        names.insert("evt.arg[" + std::string(event.params[index].name) + "]");
  }
  read.merge(names);
}

bool any_of(const Fields& read, std::initializer_list<std::string_view> fields) {
  return std::any_of(fields.begin(), fields.end(), [&](std::string_view field) { return read.contains(field); });
}

// Calls that move a process: to another folder, session or group. Worth their hooks when a rule reads what they change;
// folders also when hooks on system calls are there anyway, since the first of those is what costs every call
// something.
void add_moves(const rule::EventTypes& needed, const Fields& read, sensor::Wanted& wanted) {
  auto add = [&](std::initializer_list<uint16_t> types) {
    for (uint16_t type : types)
      if (!needed.test(type)) wanted.events.push_back(type);
  };
  const bool has_hooks = std::any_of(wanted.events.begin(), wanted.events.end(), [](uint16_t type) {
    return HOOK_SHAPE(decoders::event_info(type)->hook) != SHAPE_NONE;
  });
  if (has_hooks || read.contains("proc.cwd")) add({EVT_chdir, EVT_fchdir});
  if (any_of(read, {"proc.sid", "proc.sname", "proc.sid.exe", "proc.sid.exepath", "proc.is_sid_leader", "proc.tty"}))
    add({EVT_setsid});
  if (any_of(read,
             {"proc.vpgid", "proc.vpgid.name", "proc.vpgid.exe", "proc.vpgid.exepath", "proc.pgid", "proc.pgid.name",
              "proc.pgid.exe", "proc.pgid.exepath", "proc.is_vpgid_leader", "proc.is_pgid_leader"}))
    add({EVT_setsid, EVT_setpgid});
  std::sort(wanted.events.begin(), wanted.events.end());
  wanted.events.erase(std::unique(wanted.events.begin(), wanted.events.end()), wanted.events.end());
}

// Which end of a connection is the client is known by who made it: needed where another event than that is to tell, and
// where a program's standard descriptors are read.
void add_roles(const rule::EventTypes& needed, const Fields& read, sensor::Wanted& wanted) {
  bool asked = false;
  bool told = any_of(
      read, {"fd.name", "fd.nameraw", "fd.containername", "fd.cip", "fd.sip", "fd.cport", "fd.sport", "fd.cproto",
             "fd.sproto", "fd.cnet", "fd.snet", "fd.is_server", "fd.name_changed", "evt.args", "evt.info"});
  for (uint16_t type : wanted.events) {
    const decoders::EventInfo* info = decoders::event_info(type);
    if (info->record->sock_at == 0 || info->record->name == "sock" || info->record->name == "pair") continue;
    asked = true;
    for (const decoders::ParamInfo& param : info->params)
      if (param.kind == decoders::Kind::kFD || param.kind == decoders::Kind::kSOCKTUPLE)
        told = told || read.contains("evt.arg[" + std::string(param.name) + "]");
  }
  const bool of_programs = any_of(read, {"proc.stdin.name", "proc.stdout.name", "proc.stderr.name"});
  if (!(asked && told) && !of_programs) return;
  wanted.roles = true;
  for (uint16_t type : {EVT_connect, EVT_accept, EVT_accept4})
    if (!needed.test(type)) wanted.state.push_back(type);
}

bool is_of_group(const config::Config& config, const std::string& file) {
  const auto& files = config.group_rules;
  return files && std::any_of(files->begin(), files->end(), [&](const auto& one) { return one.name == file; });
}

}  // namespace

std::vector<sensor::KernelResponse> kernel_responses(const rule::RuleSet& rules, const config::Config& config) {
  std::vector<sensor::KernelResponse> out;
  if (!config.response.enabled) return out;
  for (size_t n = 0; n < rules.responses().size(); ++n) {
    const rule::Response& response = rules.responses()[n];
    if (is_of_group(config, response.position.file)) continue;
    rule::KernelCondition condition = rule::kernel_condition(rules, n);
    if (condition.grade == rule::KernelCondition::Grade::kNone) continue;
    sensor::KernelResponse made;
    made.id = sensor::kernel_response_id(response.name);
    made.signal = condition.signal;
    made.dry_run = response.dry_run || config.response.dry_run;
    made.budget_per_min = std::min(response.budget_per_min, config.response.budget_per_min);
    made.program = std::move(condition.program);
    made.texts = std::move(condition.texts);
    made.bits = condition.bits;
    out.push_back(std::move(made));
  }
  return out;
}

sensor::Wanted wanted_by(const std::shared_ptr<const rule::RuleSet>& set, const config::Config& config) {
  const rule::RuleSet& rules = *set;
  sensor::Wanted wanted;
  wanted.responses = kernel_responses(rules, config);
  const rule::EventTypes& needed = rules.event_types_needed();
  for (uint16_t type = 1; type < EVT_COUNT; ++type)
    if (needed.test(type)) wanted.events.push_back(type);
  Fields read = rules.fields_read();
  add_names_of_parameters(needed, read);
  wanted.env = any_of(read, {"proc.env", "proc.aenv", "evt.arg[env]", "evt.args", "evt.info"});
  wanted.cgroups = any_of(read, {"thread.cgroups", "thread.cgroup", "evt.arg[cgroups]", "evt.args", "evt.info"});
  wanted.stdio =
      any_of(read, {"proc.stdin.type", "proc.stdin.name", "proc.stdin.ino", "proc.stdout.type", "proc.stdout.name",
                    "proc.stdout.ino", "proc.stderr.type", "proc.stderr.name", "proc.stderr.ino"});
  add_moves(needed, read, wanted);
  add_roles(needed, read, wanted);
  if (config.sensor.push_down) wanted.push = [set] { return rule::push_down(*set); };
  wanted.threads = needed.test(EVT_clone) || needed.test(EVT_clone3);
  return wanted;
}

}  // namespace tiercel::reload
