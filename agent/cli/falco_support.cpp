// tiercel falco --version | --support | --dry-run
#include <fmt/core.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/cli/commands.h"
#include "agent/cli/falco.h"
#include "agent/config/rule_places.h"
#include "agent/config/text.h"
#include "agent/rule/versions.h"
#include "agent/rule_options.h"

namespace tiercel::cli {
namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

constexpr size_t kFileBytesMax = 1 << 20;

void put(Writer& out, const char* key, const std::string& value) {
  out.Key(key);
  out.String(value);
}

void put_host(Writer& out) {
  utsname host{};
  ::uname(&host);
  out.Key("system_info");
  out.StartObject();
  put(out, "sysname", host.sysname);
  put(out, "nodename", host.nodename);
  put(out, "release", host.release);
  put(out, "version", host.version);
  put(out, "machine", host.machine);
  out.EndObject();
}

void put_file(Writer& out, const std::string& path, bool secret) {
  auto text = read_file(path, kFileBytesMax);
  out.StartObject();
  put(out, "name", path);
  if (!text)
    put(out, "error", text.error().message);
  else
    put(out, "content", secret ? config::without_secrets(*text) : *text);
  out.EndObject();
}

// The values of -o may be secrets: only what is set is told.
std::string option_names(const FalcoArgs& args) {
  std::string out;
  for (const std::string& option : args.options) out += (out.empty() ? "" : " ") + option.substr(0, option.find('='));
  return out;
}

}  // namespace

FalcoAnswer falco_version(const falco::Settings& settings) {
  if (settings.config.json_output)
    return {fmt::format("{{\"tiercel_version\":\"{}\",\"engine_version_semver\":\"{}\"}}\n", kVersion,
                        rule::kEngineVersion),
            {},
            0};
  return {fmt::format("Tiercel version: {}\nFalco rules engine: {}\n", kVersion, rule::kEngineVersion), {}, 0};
}

FalcoAnswer falco_support(const FalcoArgs& args, const falco::Settings& settings) {
  rule::LoadOptions options = rule_options(settings.config);
  const rule::Loaded loaded = rule::load_paths(falco_rule_paths(args, settings), options);
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.SetIndent(' ', 2);
  out.StartObject();
  put(out, "version", kVersion);
  put(out, "engine_version", rule::kEngineVersion);
  put_host(out);
  put(out, "options_set", option_names(args));
  out.Key("config_files");
  out.StartArray();
  for (const std::string& path : settings.files) put_file(out, path, true);
  out.EndArray();
  out.Key("rules_files");
  out.StartArray();
  for (const std::string& path : loaded.files) put_file(out, path, false);
  out.EndArray();
  out.Key("rules");
  out.StartObject();
  out.Key("loaded");
  out.Uint64(loaded.rules ? loaded.rules->size() : 0);
  out.Key("active");
  out.Uint64(loaded.rules ? loaded.rules->active_count() : 0);
  out.Key("errors");
  out.Uint64(loaded.diagnostics.errors());
  out.Key("warnings");
  out.Uint64(loaded.diagnostics.warnings());
  out.EndObject();
  out.EndObject();
  return {std::string(buffer.GetString()) + "\n", {}, 0};
}

FalcoAnswer falco_dry_run(const FalcoArgs& args, const falco::Settings& settings) {
  const auto run = falco_run_options(args, settings, {});
  if (!run) return {{}, "Error: " + run.error().message + "\n", static_cast<int>(run.error().fault)};
  rule::LoadOptions options = rule_options(settings.config);
  options.warn_unused = args.verbose;
  const config::RulePlaces places = config::find_rules(run->config.rules_files);
  options.strict = places.missing.empty();  // the rules that stand in for Falco's say more than Falco's language has
  const rule::Loaded loaded = rule::load_paths(places.there, options);
  FalcoAnswer answer;
  const bool bad = loaded.diagnostics.errors() > 0 || !loaded.rules;
  if (bad || args.verbose) answer.err = loaded.diagnostics.render_all(colour_wanted(STDERR_FILENO));
  if (bad) {
    answer.err += fmt::format("Error: {} mistakes in the rules\n", loaded.diagnostics.errors());
    answer.status = 1;
    return answer;
  }
  answer.out = fmt::format("Ok: {} rules in {} files, {} active, {} warnings\n", loaded.rules->size(),
                           loaded.files.size(), loaded.rules->active_count(), loaded.diagnostics.warnings());
  for (const config::MissingRules& missing : places.missing)
    answer.err += fmt::format("tiercel: warning: {} is not there: {} is read in its place\n", missing.path,
                              missing.instead.front());
  return answer;
}

}  // namespace tiercel::cli
