// tiercel run | record | replay
#include <unistd.h>

#include <cstdio>

#include "agent/app.h"
#include "agent/base/log.h"
#include "agent/cli/commands.h"
#include "agent/config/load.h"

namespace tiercel::cli {
namespace {

constexpr const char* kDefaultConfig = "/etc/tiercel/tiercel.yaml";

// The file that was named must be there; the default one need not.
Result<config::Config> configuration(const RunArgs& args) {
  const bool named = !args.config_file.empty();
  const std::string path = named ? args.config_file : kDefaultConfig;
  if (!named && ::access(path.c_str(), F_OK) != 0) return config::Config{};
  Diagnostics diagnostics;
  auto loaded = config::load(path, diagnostics);
  std::fputs(diagnostics.render_all(colour_wanted(STDERR_FILENO)).c_str(), stderr);
  if (!loaded) return fail(path + " has mistakes: see above", Fault::kUser);
  return *loaded;
}

Result<log::Level> level_of(const std::string& word) {
  if (word == "debug") return log::Level::kDebug;
  if (word == "info") return log::Level::kInfo;
  if (word == "warning") return log::Level::kWarning;
  if (word == "error") return log::Level::kError;
  return fail("--log-level takes debug, info, warning or error, not '" + word + "'", Fault::kUser);
}

}  // namespace

int run(const RunArgs& args) {
  auto config = configuration(args);
  if (!config) return report(config.error());
  if (!args.rules.empty())
    config->rules_files = args.rules;
  else if (args.config_file.empty())
    config->rules_files = default_rules();
  if (!args.log_level.empty()) {
    auto level = level_of(args.log_level);
    if (!level) return report(level.error());
    config->log_level = *level;
  }
  if (!args.state_dir.empty()) config->state_dir = args.state_dir;
  if (!args.run_dir.empty()) config->run_dir = args.run_dir;
  if (!args.manager_host.empty()) config->wazuh.managers = {config::WazuhManager{.host = args.manager_host}};
  log::set_level(config->log_level);

  RunOptions options;
  options.config = std::move(*config);
  options.outputs.manager = !args.no_manager;
  options.outputs.embedded_manager = args.embedded_manager;
  options.outputs.json = args.json;
  options.record_to = args.record_to;
  options.replay_from = args.replay_from;
  options.control_socket = args.replay_from.empty();
  options.stop_after_s = args.record_seconds;
  auto ran = run_agent(options);
  return ran ? 0 : report(ran.error());
}

}  // namespace tiercel::cli
