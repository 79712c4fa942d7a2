// tiercel run | record | replay
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include "agent/app.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/cli/commands.h"
#include "agent/cli/when.h"
#include "agent/config/load.h"
#include "agent/container/host_files.h"
#include "agent/group/group_config.h"
#include "agent/loop.h"

namespace tiercel::cli {
namespace {

constexpr const char* kDefaultConfig = "/etc/tiercel/tiercel.yaml";

Result<log::Level> level_of(const std::string& word) {
  if (word == "debug") return log::Level::kDebug;
  if (word == "info") return log::Level::kInfo;
  if (word == "warning") return log::Level::kWarning;
  if (word == "error") return log::Level::kError;
  return fail("--log-level takes debug, info, warning or error, not '" + word + "'", Fault::kUser);
}

std::string config_file_of(const RunArgs& args) {
  return args.config_file.empty() ? kDefaultConfig : args.config_file;
}

// The file, what the manager's group lays over it, and what the command line changes. The file that was named must be
// there; the default one need not.
std::optional<config::Config> configuration(const RunArgs& args, group::GroupConfig* group, Diagnostics& diagnostics) {
  const std::string path = config_file_of(args);
  std::optional<config::Config> config = config::Config{};
  const bool has_file = !args.config_file.empty() || ::access(path.c_str(), F_OK) == 0;
  if (has_file) config = config::load(path, diagnostics);
  if (config && group != nullptr) config = group->lay_over(std::move(*config), diagnostics);
  if (!config) return config;
  if (!args.rules.empty())
    config->rules_files = args.rules;
  else if (!has_file)
    config->rules_files = default_rules();
  if (!args.log_level.empty())
    if (auto level = level_of(args.log_level)) config->log_level = *level;
  if (!args.state_dir.empty()) config->state_dir = args.state_dir;
  if (!args.run_dir.empty()) config->run_dir = args.run_dir;
  if (!args.attach.empty()) (void)config::set_attach(args.attach, config->sensor);
  if (!args.record_to.empty()) config->sensor.push_down = false;  // other rules may be tried on the recording
  if (!args.host_root.empty()) config->host_root = args.host_root;
  if (!args.manager_host.empty()) config->wazuh.managers = {config::WazuhManager{.host = args.manager_host}};
  return config;
}

// A group speaks for agents of a manager, and only for those.
std::unique_ptr<group::GroupConfig> group_of(const RunArgs& args, const config::Config& config) {
  if (args.no_manager || !args.replay_from.empty() || config.wazuh.managers.empty()) return nullptr;
  return std::make_unique<group::GroupConfig>(
      group::GroupConfig::Options{.folder = config.state_dir + "/shared", .version = kVersion, .now_ns = [] {
                                    return SystemClock().realtime_ns();
                                  }});
}

// Inside a container gethostname() gives the container's name: alerts are to tell the host's.
void take_hosts_name(const std::string& host_root) {
  auto name = container::HostFiles(host_root).read("/etc/hostname", 4096);
  if (!name) return log::warning("{}: alerts carry this container's host name", name.error().message);
  name->resize(name->find_last_not_of(" \t\n") + 1);
  if (!name->empty()) ::setenv("FALCO_HOSTNAME", name->c_str(), 0);
}

// A folder that is not the host's / would make every process a stranger.
Result<> check_host_root(const std::string& host_root) {
  if (::access((host_root + "/proc/1").c_str(), F_OK) == 0) return {};
  return fail(
      "--host-root " + host_root + ": there is no host's /proc below it; mount the host's / there (with its /proc)",
      Fault::kUser);
}

// glibc raises the size from which on memory is given back to the highest that was ever freed: after a kernel's BTF (5
// MiB) had been read, each thread kept as much. And each thread has a heap of its own, of which most is never used:
// threads other than the deciding one hardly allocate, and share one. mallopt(3), M_MMAP_THRESHOLD, M_ARENA_MAX.
void keep_memory_small() {
  constexpr int kBigBytes = 256 << 10;
  ::mallopt(M_MMAP_THRESHOLD, kBigBytes);
  ::mallopt(M_TRIM_THRESHOLD, 2 * kBigBytes);
  ::mallopt(M_ARENA_MAX, 2);
}

}  // namespace

int run(const RunArgs& args) {
  keep_memory_small();
  block_reload_signals();  // a SIGHUP during the start is carried out after it
  if (!args.log_level.empty())
    if (auto level = level_of(args.log_level); !level) return report(level.error());
  if (config::Sensor sensor; !args.attach.empty() && !config::set_attach(args.attach, sensor))
    return report(
        Error{"--attach takes auto, trampoline, kprobe or tracepoint, not '" + args.attach + "'", Fault::kUser});
  Diagnostics diagnostics;
  auto config = configuration(args, nullptr, diagnostics);  // the host's own: it says where the group's is
  std::unique_ptr<group::GroupConfig> group;
  if (config) group = group_of(args, *config);
  if (group) {
    diagnostics = {};
    config = configuration(args, group.get(), diagnostics);
  }
  std::fputs(diagnostics.render_all(colour_wanted(STDERR_FILENO)).c_str(), stderr);
  if (!config) return report({config_file_of(args) + " has mistakes: see above", Fault::kUser});
  log::set_level(config->log_level);
  if (!config->host_root.empty()) {
    if (auto checked = check_host_root(config->host_root); !checked) return report(checked.error());
    take_hosts_name(config->host_root);
  }

  RunOptions options;
  options.config = std::move(*config);
  options.config_file = config_file_of(args);
  options.read_config = [args, group = group.get()](Diagnostics& found) { return configuration(args, group, found); };
  options.outputs.group = group.get();
  options.outputs.manager = !args.no_manager;
  options.outputs.embedded_manager = args.embedded_manager;
  options.outputs.json = args.json;
  options.outputs.history = args.record_to.empty() && args.replay_from.empty();
  options.record_to = args.record_to;
  options.replay_from = args.replay_from;
  options.control_socket = args.replay_from.empty();
  options.children_mounts = args.children_mounts;
  options.stop_after_s = args.record_seconds;
  if (!args.record_duration.empty()) {
    const auto seconds = parse_duration_s(args.record_duration);
    if (!seconds || *seconds == 0 || *seconds > UINT32_MAX)
      return report({"--duration takes 90s, 10m or 2h, not '" + args.record_duration + "'", Fault::kUser});
    options.stop_after_s = static_cast<unsigned>(*seconds);
  }
  options.record_bytes_max = uint64_t{args.record_size_mb} << 20;
  options.summary_to = args.summary_to;
  auto ran = run_agent(options);
  return ran ? 0 : report(ran.error());
}

}  // namespace tiercel::cli
