#include "agent/app_options.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/config/load.h"
#include "agent/group/group_config.h"
#include "agent/reload/rules.h"
#include "agent/rule_options.h"

namespace tiercel {

sensor::BpfOptions sensor_options(const config::Config& config, const std::shared_ptr<const rule::RuleSet>& rules) {
  sensor::BpfOptions options;
  options.wanted = reload::wanted_by(rules, config);
  options.attach = config::attach_word(config.sensor);
  options.compat_calls = config.sensor.compat_calls;
  options.ring_vital_bytes = size_t{config.sensor.ring_vital_size_kb} << 10;
  options.ring_bulk_bytes = size_t{config.sensor.ring_bulk_size_kb} << 10;
  options.budget = {config.sensor.flood_budget_kb, config.sensor.flood_mark_percent};
  return options;
}

reload::Reloader::Options reload_options(const RunOptions& run, hardening::Supervisor& supervisor) {
  reload::Reloader::Options options;
  options.running = run.config;
  options.read_config = run.read_config;
  options.config_file = run.config_file;
  options.rule_options = [file = run.config_file](const config::Config& config) {
    rule::LoadOptions rules = rule_options(config);
    add_output_conditions(rules, config, file.empty() ? "configuration" : file);
    return rules;
  };
  group::GroupConfig* group = run.outputs.group;
  if (group != nullptr) options.errand = [group] { group->errand(); };
  options.begins = [&supervisor] { supervisor.reloading(); };
  options.concluded = [&supervisor, group](const reload::Outcome& outcome) {
    if (group != nullptr) group->concluded(outcome);
    supervisor.ready(watching_text(outcome.rules.active));
  };
  return options;
}

alert::MakeOptions make_options(const config::Config& config) {
  alert::MakeOptions options;
  options.json_include_output_property = config.json_include_output_property;
  options.json_include_message_property = config.json_include_message_property;
  options.json_include_output_fields_property = config.json_include_output_fields_property;
  options.json_include_tags_property = config.json_include_tags_property;
  options.time_format_iso_8601 = config.time_format_iso_8601;
  return options;
}

context::Containers::Options container_options(const RunOptions& run) {
  context::Containers::Options options;
  options.host_root = run.config.host_root;
  options.roots.docker = run.config.containers.docker_root;
  options.roots.containers_storage = run.config.containers.storage_root;
  options.ask = run.replay_from.empty() && run.config.containers.ask_runtimes;
  return options;
}

siem::SpoolOptions spool_options(const RunOptions& run) {
  siem::SpoolOptions options;
  if (run.replay_from.empty()) options.folder = run.config.state_dir + "/spool";
  options.size_bytes_max = uint64_t{run.config.spool.size_mb_max} << 20;
  options.age_s_max = uint64_t{run.config.spool.age_h_max} * 3'600;
  return options;
}

std::string watching_text(size_t active_rules) {
  return fmt::format("watching: {} rules active", active_rules);
}

namespace {

// Where the scheduler makes a group of each session (autogroup), a thread's priority counts within its session alone. A
// service has one of its own; a shell's, which other programs share, is left as it is.
void raise_session(int nice) {
  if (::getsid(0) != ::getpid()) return;
  const Fd file(::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(nice);
  if (!file.valid() || ::write(file.get(), text.data(), text.size()) < 0)
    log::debug("cannot raise the priority of the agent's session: errno {}", errno);
}

}  // namespace

void go_first() {
  constexpr int kNice = -10;
  if (::setpriority(PRIO_PROCESS, 0, kNice) != 0) log::debug("cannot raise the reader's priority: errno {}", errno);
  raise_session(kNice);
}

void make_state_dir(const std::string& path) {
  std::error_code error;
  if (std::filesystem::create_directories(path, error) && !error)
    std::filesystem::permissions(path, std::filesystem::perms{0750}, error);
}

}  // namespace tiercel
