#include "agent/outputs.h"

#include <fmt/core.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/cli/alert_line.h"
#include "agent/cli/commands.h"
#include "agent/group/group_config.h"
#include "agent/heartbeat.h"
#include "siem/local/file_sink.h"
#include "siem/local/stdout_sink.h"
#include "siem/local/syslog_sink.h"
#include "siem/wazuh/agent_queue.h"
#include "siem/wazuh/manager/dev_manager.h"
#include "siem/wazuh/sink.h"

namespace tiercel {
namespace {

constexpr size_t kPasswordFileMax = 4096;

siem::FileSinkOptions::Format format_of(config::FileOutput::Format format) {
  switch (format) {
    case config::FileOutput::Format::kFalco:
      return siem::FileSinkOptions::Format::kFalco;
    case config::FileOutput::Format::kText:
      return siem::FileSinkOptions::Format::kText;
    case config::FileOutput::Format::kWazuh:
      return siem::FileSinkOptions::Format::kWazuh;
    case config::FileOutput::Format::kNormalised:
      break;
  }
  return siem::FileSinkOptions::Format::kNormalised;
}

const SystemClock kClock;

Result<std::string> password_of(const config::Wazuh& wazuh) {
  if (wazuh.password_file.empty()) return wazuh.password.reveal();
  auto text = read_file(wazuh.password_file, kPasswordFileMax);
  if (!text) return text;
  return text->substr(0, text->find_first_of("\r\n"));
}

// In an event's JSON, where what others wrote has its quotes escaped.
bool is_heartbeat(std::string_view json) {
  return json.find(fmt::format(R"("rule":"{}")", kHeartbeatRule)) != std::string_view::npos;
}

}  // namespace

Outputs::Outputs(const config::Config& config, OutputOptions options, siem::Spool& spool, Metrics& metrics)
    : config_(config), options_(options), spool_(spool), metrics_(metrics) {}

Outputs::~Outputs() {
  stop(0);
}

void Outputs::add_local(const config::Output& output) {
  const auto least = static_cast<alert::Priority>(output.priority);
  if (const auto* to = std::get_if<config::StdoutOutput>(&output.to)) {
    siem::StdoutSinkOptions sink;
    const bool json = options_.json || to->format == config::StdoutOutput::Format::kJson;
    sink.format = json ? siem::StdoutSinkOptions::Format::kJson : siem::StdoutSinkOptions::Format::kText;
    sink.colour = !json && cli::colour_wanted(STDOUT_FILENO);
    sink.least_priority = least;
    sinks_.push_back(siem::make_stdout_sink(spool_, sink, metrics_));
  } else if (const auto* file = std::get_if<config::FileOutput>(&output.to)) {
    siem::FileSinkOptions sink;
    sink.path = file->path;
    sink.format = format_of(file->format);
    sink.rotate_size_bytes = uint64_t{file->rotate_size_mb} << 20;
    sink.rotate_files = file->rotate_files;
    if (file->format == config::FileOutput::Format::kWazuh) sink.rate_max_per_s = file->rate_max_per_s;
    sink.least_priority = least;
    auto made = siem::make_file_sink(spool_, sink, metrics_);
    files_.push_back(made.get());
    sinks_.push_back(std::move(made));
  } else if (const auto* syslog = std::get_if<config::SyslogOutput>(&output.to)) {
    siem::SyslogSinkOptions sink;
    if (syslog->format == config::SyslogOutput::Format::kJson) sink.format = siem::SyslogSinkOptions::Format::kJson;
    sink.least_priority = least;
    sinks_.push_back(siem::make_syslog_sink(spool_, sink, metrics_));
  } else if (const auto* agent = std::get_if<config::WazuhAgentOutput>(&output.to)) {
    sinks_.push_back(wazuh::make_agent_queue_sink(
        spool_, {.path = agent->path, .rate_max_per_s = agent->rate_max_per_s, .least_priority = least}, metrics_));
  }
}

Result<> Outputs::add_wazuh(const std::vector<config::WazuhManager>& managers, const std::string& agent_name) {
  auto password = password_of(config_.wazuh);
  if (!password) return fail("enrolment password: " + password.error().message, Fault::kUser);
  wazuh::WazuhOptions options;
  for (const config::WazuhManager& manager : managers)
    options.managers.push_back(
        {manager.host, manager.port, manager.enrol_port,
         manager.protocol == config::WazuhManager::Protocol::kUdp ? wazuh::Protocol::kUdp : wazuh::Protocol::kTcp});
  for (const config::Output& output : config_.outputs)
    if (std::holds_alternative<config::WazuhManager>(output.to))
      options.least_priority = static_cast<alert::Priority>(output.priority);
  options.keys_file = embedded_ ? embedded_dir_ + "/agent.keys" : config_.wazuh_keys_file();
  options.agent_name = agent_name;
  options.groups = config_.wazuh.groups;
  options.enrol_if_needed = config_.wazuh.enrol;
  options.client_certificate = config_.wazuh.client_certificate;
  options.client_key = config_.wazuh.client_key;
  options.agent_ip = config_.wazuh.agent_ip;
  options.rate_max_per_s = config_.wazuh.rate_max_per_s;
  options.delivery.confirm_age_ms_min = static_cast<int>(config_.wazuh.confirm_age_ms_min);
  options.version_pinned = !config_.wazuh.version.empty();
  if (options.version_pinned) options.version = config_.wazuh.version;
  for (const config::WazuhLabel& label : config_.wazuh.labels)
    options.labels.push_back({label.key, label.value, static_cast<wazuh::Label::Visibility>(label.visibility)});
  options.password = *password;
  options.ca_file = embedded_ ? embedded_->certificate_file() : config_.wazuh.ca_file;
  if (embedded_) {  // it is on this host: no need to wait as for a manager far away
    options.reconnect_ms_min = 100;
    options.delivery.ping_interval_ms = 100;
  }
  wazuh::WazuhCallbacks callbacks;
  callbacks.reload = [] { ::kill(::getpid(), SIGHUP); };  // the road of every reload; the main loop takes it
  if (group::GroupConfig* group = options_.group) {
    options.shared_md5 = group->told_md5();
    callbacks.shared_file = [group](const wazuh::SharedFile& file) {
      if (file.name != "merged.mg") return;
      if (file.too_long)
        group->refuse_unseen(file.md5, "the group's files together are too long");
      else
        group->offer(file.md5, file.content);
    };
  }
  if (respond_) callbacks.active_response = [this](const wazuh::ActiveResponse& ask) { respond_(ask.json); };
  auto sink = std::make_unique<wazuh::WazuhSink>(spool_, std::move(options), std::move(callbacks), metrics_, kClock);
  wazuh_ = sink.get();
  sinks_.push_back(std::move(sink));
  return {};
}

Result<> Outputs::start_embedded_manager() {
  std::string dir = (std::filesystem::temp_directory_path() / "tiercel-manager-XXXXXX").string();
  if (!::mkdtemp(dir.data())) return fail_errno("cannot make a folder for the embedded manager", errno);
  embedded_dir_ = dir;
  wazuh::DevManagerOptions options;
  options.dir = dir;
  options.port = options.enrol_port = 0;
  options.key_update_ms = 50;
  const bool colour = cli::colour_wanted(STDOUT_FILENO);
  options.on_event = [colour, json = options_.json](const wazuh::DevEvent& event) {
    if (is_heartbeat(wazuh::tiercel_json(event))) return;  // it stands in for standard output, which has none
    const std::string line = json ? std::string(wazuh::tiercel_json(event)) : cli::alert_line(event, colour);
    if (line.empty()) return;
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  };
  options.on_log = [](std::string_view line) { log::debug("embedded manager: {}", line); };
  embedded_ = std::make_unique<wazuh::DevManager>(std::move(options));
  return embedded_->start();
}

Result<> Outputs::start() {
  std::vector<config::WazuhManager> managers = config_.wazuh.managers;
  std::string agent_name = config_.wazuh.agent_name;
  if (!options_.manager) managers.clear();
  const bool embed = options_.manager && options_.embedded_manager && managers.empty();
  if (embed) {
    if (auto started = start_embedded_manager(); !started) return started;
    managers.push_back({"127.0.0.1", embedded_->port(), embedded_->enrol_port()});
    log::info("no manager is configured: one is running on 127.0.0.1:{}, and prints what it decodes",
              embedded_->port());
  }
  for (const config::Output& output : config_.outputs) {
    const bool to_stdout = std::holds_alternative<config::StdoutOutput>(output.to);
    if (!(embed && to_stdout)) add_local(output);  // the embedded manager prints in its place
  }
  if (!managers.empty())
    if (auto added = add_wazuh(managers, agent_name); !added) return added;
  // Every reader is known now.
  if (auto opened = spool_.open(); !opened) return opened;
  for (auto& sink : sinks_)
    if (auto started = sink->start(); !started) return started;
  return {};
}

void Outputs::stop(int timeout_ms) {
  // One deadline for all: several that hang must not add up.
  const uint64_t deadline_ns = kClock.monotonic_ns() + static_cast<uint64_t>(timeout_ms) * 1'000'000;
  for (auto& sink : sinks_) {
    const uint64_t now_ns = kClock.monotonic_ns();
    sink->stop(now_ns < deadline_ns ? static_cast<int>((deadline_ns - now_ns) / 1'000'000) : 0);
  }
  if (embedded_) embedded_->stop();
  if (!embedded_dir_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(embedded_dir_, ignored);
    embedded_dir_.clear();
  }
}

void Outputs::reopen() {
  for (siem::FileSink* file : files_) file->reopen();
}

}  // namespace tiercel
