#include "agent/cli/falco.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/cli/commands.h"
#include "agent/config/load.h"
#include "agent/config/rule_places.h"
#include "agent/falco/reference.h"
#include "agent/loop.h"
#include "agent/rule_options.h"

namespace tiercel::cli {
namespace {

constexpr const char* kFalcoConfig = "/etc/falco/falco.yaml";
constexpr const char* kTiercelConfig = "/etc/tiercel/tiercel.yaml";

bool exists(const std::string& path) {
  std::error_code code;
  return std::filesystem::exists(path, code);
}

std::vector<std::string> options_of(const FalcoArgs& args) {
  std::vector<std::string> out = args.options;
  for (const std::string& part : args.disabled_rules) out.push_back("rules[].disable.rule=*" + part + "*");
  for (const std::string& tag : args.disabled_tags) out.push_back("rules[].disable.tag=" + tag);
  if (!args.enabled_tags.empty()) out.emplace_back("rules[].disable.rule=*");
  for (const std::string& tag : args.enabled_tags) out.push_back("rules[].enable.tag=" + tag);
  return out;
}

int finish(const FalcoAnswer& answer) {
  std::fputs(answer.err.c_str(), stderr);
  std::fputs(answer.out.c_str(), stdout);
  std::fflush(stdout);
  return answer.status;
}

FalcoAnswer printed(std::string out) {
  return {std::move(out), {}, 0};
}

// What needs no configuration.
std::optional<FalcoAnswer> plain_prints(const FalcoArgs& args) {
  if (args.help) return printed(falco_help());
  if (args.page_size) return printed(fmt::format("Your system page size is: {}\n", ::sysconf(_SC_PAGESIZE)));
  if (args.config_schema) return printed(falco::config_schema());
  if (args.rule_schema)
    return FalcoAnswer{{},
                       "tiercel: --rule-schema is not supported: `tiercel falco -V FILE` checks all that a schema "
                       "does, and conditions and outputs too\n",
                       1};
  if (!args.list_keys) return std::nullopt;
  if (args.format == "markdown") return printed(falco::keys_markdown() + "\n" + falco_flags_markdown());
  return printed(args.format == "json" ? falco::keys_json() : falco::keys_plain());
}

Result<config::Config> own_config(const FalcoArgs& args) {
  const bool named = !args.tiercel_config.empty();
  const std::string path = named ? args.tiercel_config : kTiercelConfig;
  if (!named && !exists(path)) return config::Config{};
  Diagnostics diagnostics;
  auto loaded = config::load(path, diagnostics);
  std::fputs(diagnostics.render_all(colour_wanted(STDERR_FILENO)).c_str(), stderr);
  if (!loaded) return fail(path + " has mistakes: see above", Fault::kUser);
  return *loaded;
}

// Gone again when the run ends.
class PidFile {
 public:
  static Result<> write(const std::string& path) {
    return write_file_atomically(path, std::to_string(::getpid()) + "\n", 0644);
  }
  explicit PidFile(std::string path) : path_(std::move(path)) {}
  ~PidFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  std::string path_;
};

std::string falco_config_file(const FalcoArgs& args) {
  return args.config_file.empty() && exists(kFalcoConfig) ? kFalcoConfig : args.config_file;
}

// The file, and what the command line changes.
std::optional<falco::Settings> read_settings(const FalcoArgs& args, Diagnostics& diagnostics) {
  falco::Request request;
  request.path = falco_config_file(args);
  request.options = options_of(args);
  auto settings = falco::load(request, diagnostics);
  if (!settings) return settings;
  for (const std::string& text : args.prints) {
    config::AppendOutput entry;
    entry.extra_output = text;
    settings->config.append_output.push_back(std::move(entry));
  }
  if (args.verbose) settings->config.log_level = log::Level::kDebug;
  return settings;
}

int run_as_falco(const FalcoArgs& args, const falco::Settings& settings) {
  block_reload_signals();  // a SIGHUP during the start is carried out after it
  auto own = own_config(args);
  if (!own) return report(own.error());
  auto options = falco_run_options(args, settings, *own);
  if (!options) return report(options.error());
  if (!args.pidfile.empty())
    if (auto written = PidFile::write(args.pidfile); !written) return report(written.error());
  const PidFile pidfile(args.pidfile);
  log::set_level(options->config.log_level);
  options->config_file = falco_config_file(args);
  options->read_config = [args, own = *own](Diagnostics& found) -> std::optional<config::Config> {
    auto read = read_settings(args, found);
    if (!read) return std::nullopt;
    auto again = falco_run_options(args, *read, own);
    if (again) return std::move(again->config);
    found.error({falco_config_file(args), 0, 0}, again.error().message);
    return std::nullopt;
  };
  auto ran = run_agent(*options);
  return ran ? 0 : report(ran.error());
}

}  // namespace

std::optional<falco::Settings> falco_settings(const FalcoArgs& args, FalcoAnswer& answer) {
  Diagnostics diagnostics;
  auto settings = read_settings(args, diagnostics);
  answer.err += diagnostics.render_all(colour_wanted(STDERR_FILENO));
  if (!settings) {
    answer.err += "Error: the configuration has mistakes: see above\n";
    answer.status = static_cast<int>(Fault::kUser);
    return std::nullopt;
  }
  rule::set_static_fields(static_fields_of(settings->config));
  return settings;
}

std::optional<FalcoAnswer> falco_prints(const FalcoArgs& args, const falco::Settings& settings) {
  if (args.version) return falco_version(settings);
  if (args.list_source) return falco_list_fields(args);
  if (args.list_events) return falco_list_events(args);
  if (args.list_plugins || !args.plugin_info.empty()) return falco_plugins(args);
  if (args.ignored_calls)
    return printed(
        "Ignored system calls: none. A system call is watched if an active rule names its event, however often it is "
        "called.\n");
  if (!args.validate.empty()) return falco_validate(args, settings);
  if (args.describe_all || args.describe_rule) return falco_describe(args, settings);
  if (args.support) return falco_support(args, settings);
  if (args.dry_run) return falco_dry_run(args, settings);
  return std::nullopt;
}

std::vector<std::string> falco_rule_paths(const FalcoArgs& args, const falco::Settings& settings) {
  if (!args.rules.empty()) return args.rules;
  return config::find_rules(settings.config.rules_files).there;
}

Result<RunOptions> falco_run_options(const FalcoArgs& args, const falco::Settings& settings,
                                     const config::Config& own) {
  RunOptions options;
  options.config = settings.config;
  config::Config& config = options.config;
  config.wazuh = own.wazuh;
  config.sensor = own.sensor;
  config.state_dir = own.state_dir;
  config.run_dir = own.run_dir;
  for (const config::Output& output : own.outputs)
    if (std::holds_alternative<config::WazuhManager>(output.to) ||
        std::holds_alternative<config::SlackOutput>(output.to) ||
        std::holds_alternative<config::SecurityHubOutput>(output.to))  // Falco has none of these
      config.outputs.push_back(output);
  if (config.outputs.empty() && config.wazuh.managers.empty())
    return fail(
        "No output configured, please make sure at least one output is configured and enabled: stdout_output, "
        "syslog_output, file_output, program_output, http_output, or a Wazuh manager in tiercel.yaml",
        Fault::kUser);
  if (!args.rules.empty()) config.rules_files = args.rules;
  const config::RulePlaces places = config::find_rules(config.rules_files);
  if (args.rules.empty() && places.there.empty()) {
    if (settings.config.rules_files.empty())
      return fail("no rules: name a file or folder with -r, or in rules_files of falco.yaml", Fault::kUser);
    std::string missing;
    for (const std::string& path : settings.config.rules_files) missing += (missing.empty() ? "" : ", ") + path;
    return fail("no rules: none of rules_files is there: " + missing, Fault::kUser);
  }
  for (const std::string& path : args.rules)
    if (!exists(path)) return fail("rule file " + path + " is not there", Fault::kUser);
  for (const config::MissingRules& missing : places.missing)  // what is read in its place is told when the rules are
    if (missing.instead.empty()) std::erase(config.rules_files, missing.path);
  options.replay_from = settings.replay_from;
  options.control_socket = settings.replay_from.empty();
  options.stop_after_s = args.stop_after_s;
  return options;
}

int falco(const std::vector<std::string>& words) {
  auto args = parse_falco_flags(words);
  if (!args) {
    std::fprintf(stderr, "Error: %s\n", args.error().message.c_str());
    return static_cast<int>(args.error().fault);
  }
  for (const std::string& warning : args->warnings) std::fprintf(stderr, "tiercel: warning: %s\n", warning.c_str());
  if (auto answer = plain_prints(*args)) return finish(*answer);
  FalcoAnswer loading;
  auto settings = falco_settings(*args, loading);
  finish(loading);
  if (!settings) return loading.status;
  if (auto answer = falco_prints(*args, *settings)) return finish(*answer);
  return run_as_falco(*args, *settings);
}

}  // namespace tiercel::cli
