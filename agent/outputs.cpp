#include "agent/outputs.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include "agent/base/condition_id.h"
#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/thread.h"
#include "agent/cli/alert_line.h"
#include "agent/cli/commands.h"
#include "agent/cli/text.h"
#include "agent/config/output_names.h"
#include "agent/group/group_config.h"
#include "agent/heartbeat.h"
#include "agent/outputs_make.h"
#include "agent/witness.h"
#include "siem/history/history.h"
#include "siem/wazuh/manager/dev_manager.h"
#include "siem/wazuh/sink.h"

namespace tiercel {
namespace {

constexpr size_t kPasswordFileMax = 4096;

Result<std::string> password_of(const config::Wazuh& wazuh) {
  if (wazuh.password_file.empty()) return wazuh.password.reveal();
  auto text = read_file(wazuh.password_file, kPasswordFileMax);
  if (!text) return text;
  return text->substr(0, text->find_first_of("\r\n"));
}

// As quickly as may be: the agent that is started next waits for the manager to take it in.
void speak_in_place_of_agent(wazuh::WazuhOptions& options, const wazuh::Contact* contact) {
  constexpr int kQuickMs = 100, kAgeMs = 500;
  options.enrol_if_needed = options.announce = false;
  options.delivery.ping_interval_ms = kQuickMs;
  options.delivery.confirm_age_ms = kAgeMs;
  options.reconnect_ms_min = kQuickMs;
  if (contact == nullptr) return;
  options.key = contact->key;
  options.version = contact->version;
  const auto current = options.managers.begin() + static_cast<std::ptrdiff_t>(contact->manager);
  if (contact->manager < options.managers.size())
    std::rotate(options.managers.begin(), current, options.managers.end());
}

// In an event's JSON, where what others wrote has its quotes escaped.
bool is_heartbeat(std::string_view json) {
  return json.find(fmt::format(R"("rule":"{}")", kHeartbeatRule)) != std::string_view::npos;
}

}  // namespace

Outputs::Outputs(const config::Config& config, OutputOptions options, siem::Spool& spool, Metrics& metrics,
                 const Clock& clock, alert::Reports& reports)
    : config_(config), options_(options), spool_(spool), metrics_(metrics), clock_(clock), reports_(reports) {}

Outputs::~Outputs() {
  stop(0);
}

void Outputs::add(const config::Output& output, const std::string& name) {
  MadeOutput made = make_output(output, name, {spool_, metrics_, clock_, reports_, options_.json});
  if (!made.sink) return;
  if (made.file != nullptr) files_.push_back(made.file);
  if (made.forwarder != nullptr) forwarders_.push_back(made.forwarder);
  sinks_.push_back(std::move(made.sink));
}

void Outputs::add_history() {
  history::HistoryOptions options;
  options.folder = config_.history_folder();
  options.size_bytes_max = uint64_t{config_.history.size_mb_max} << 20;
  options.age_s_max = uint64_t{config_.history.age_days_max} * 86'400;
  options.name = config::kHistoryName;
  sinks_.push_back(history::make_history_sink(spool_, std::move(options), metrics_, clock_, reports_));
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
    if (std::holds_alternative<config::WazuhManager>(output.to)) {
      options.least_priority = static_cast<alert::Priority>(output.priority);
      options.condition = condition_id(output.condition);
    }
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
  if (options_.witness) speak_in_place_of_agent(options, options_.contact);
  wazuh::WazuhCallbacks callbacks;
  if (!options_.witness && !embedded_)
    callbacks.contact = [](const wazuh::Contact& contact) { witness::note(contact); };
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
  auto sink = std::make_unique<wazuh::WazuhSink>(spool_, std::move(options), std::move(callbacks), metrics_, clock_);
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
    const std::string line =
        json ? std::string(wazuh::tiercel_json(event)) : cli::alert_line(event, colour, cli::terminal_width());
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
  const std::vector<std::string> names = config::output_names(config_.outputs);
  for (size_t i = 0; i < names.size(); ++i) {
    const bool to_stdout = std::holds_alternative<config::StdoutOutput>(config_.outputs[i].to);
    if (!(embed && to_stdout)) add(config_.outputs[i], names[i]);  // the embedded manager prints in its place
  }
  if (!managers.empty())
    if (auto added = add_wazuh(managers, agent_name); !added) return added;
  if (options_.history && config_.history.enabled) add_history();
  // Every reader is known now.
  if (auto opened = spool_.open(); !opened) return opened;
  for (auto& sink : sinks_)
    if (auto started = sink->start(); !started) {
      if (!options_.witness) return started;
      log::warning("witness: {}", started.error().message);
    }
  return {};
}

// All at once: one that hangs takes nothing of the others' time.
void Outputs::stop(int timeout_ms) {
  std::vector<std::thread> stops;
  for (auto& sink : sinks_)
    stops.push_back(start_thread("stop " + sink->name(), [&sink, timeout_ms] { sink->stop(timeout_ms); }));
  for (std::thread& stop : stops) stop.join();
  if (embedded_) embedded_->stop();
  if (!embedded_dir_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(embedded_dir_, ignored);
    embedded_dir_.clear();
  }
}

std::vector<OutputRow> Outputs::rows() const {
  std::map<std::pair<std::string, std::string>, uint64_t> counts;
  metrics_.each([&](const std::string& name, const std::string& /*help*/, const Labels& labels, uint64_t value) {
    if (name.starts_with("tiercel_output_")) counts[{name, std::string(labels.value("output"))}] = value;
  });
  std::vector<OutputRow> rows;
  for (const siem::Spool::Waiting& waiting : spool_.waiting()) {
    if (wazuh_ != nullptr && waiting.reader == wazuh_->name()) continue;
    OutputRow& row = rows.emplace_back();
    row.name = waiting.reader;
    row.waiting = waiting.rows;
    // Files without a name of their own count under their path.
    const std::string label = row.name.substr(row.name.starts_with("file ") ? 5 : 0);
    const auto count = [&](const char* what) { return counts[{fmt::format("tiercel_output_{}_total", what), label}]; };
    row.delivered = count("delivered");
    row.failures = count("errors");
    row.lost = count("lost");
    for (const siem::Forwarder* forwarder : forwarders_) {
      if (forwarder->name() != row.name) continue;
      siem::ForwarderStatus status = forwarder->status();
      row.open = status.open;
      row.last_answer = std::move(status.last_answer);
    }
  }
  return rows;
}

// What the manager was sent and has not confirmed is told apart, since most of it has arrived.
uint64_t Outputs::undelivered() const {
  uint64_t all = 0;
  for (const siem::Spool::Waiting& waiting : spool_.waiting()) {
    uint64_t rows = waiting.rows;
    if (waiting.kept) {
      if (rows > 0) log::info("{} alerts wait in the spool for the output {}", rows, waiting.reader);
      continue;
    }
    if (wazuh_ && waiting.reader == wazuh_->name()) rows -= std::min(rows, wazuh_->status().unconfirmed);
    if (rows == 0) continue;
    all += rows;
    log::error("{} alerts never left through the output {}", rows, waiting.reader);
  }
  return all;
}

void Outputs::reopen() {
  for (siem::FileSink* file : files_) file->reopen();
}

}  // namespace tiercel
