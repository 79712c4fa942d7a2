#include "agent/outputs_make.h"

#include <unistd.h>

#include <utility>

#include "agent/app.h"
#include "agent/base/condition_id.h"
#include "agent/base/syslog.h"
#include "agent/cli/commands.h"
#include "siem/aws/security_hub.h"
#include "siem/http/http_sink.h"
#include "siem/local/program_forwarder.h"
#include "siem/local/stdout_sink.h"
#include "siem/local/syslog_forwarder.h"
#include "siem/local/syslog_sink.h"
#include "siem/slack/sink.h"
#include "siem/wazuh/agent_queue.h"

namespace tiercel {
namespace {

constexpr uint8_t kFacilityUser = 1;

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

// What all options have.
struct Common {
  const std::string& name;
  alert::Priority least_priority;
  uint64_t condition;
  const OutputParts& parts;

  template <class Options>
  Options options() const {
    Options made;
    made.name = name;
    made.least_priority = least_priority;
    made.condition = condition;
    return made;
  }
  MadeOutput forwarder(std::unique_ptr<siem::Forwarder> made) const {
    siem::Forwarder* forwarder = made.get();
    return {std::move(made), nullptr, forwarder};
  }
};

template <class Options>
void set_tls(Options& options, const config::Tls& tls) {
  options.ca_file = tls.ca_file;
  options.client_certificate = tls.client_certificate;
  options.client_key = tls.client_key;
}

MadeOutput make(const config::StdoutOutput& to, const Common& common) {
  auto options = common.options<siem::StdoutSinkOptions>();
  const bool json = common.parts.json || to.format == config::StdoutOutput::Format::kJson;
  options.format = json ? siem::StdoutSinkOptions::Format::kJson : siem::StdoutSinkOptions::Format::kText;
  options.colour = !json && cli::colour_wanted(STDOUT_FILENO);
  return {siem::make_stdout_sink(common.parts.spool, std::move(options), common.parts.metrics)};
}

MadeOutput make(const config::FileOutput& to, const Common& common) {
  auto options = common.options<siem::FileSinkOptions>();
  options.path = to.path;
  options.format = format_of(to.format);
  options.rotate_size_bytes = uint64_t{to.rotate_size_mb} << 20;
  options.rotate_files = to.rotate_files;
  if (to.format == config::FileOutput::Format::kWazuh) options.rate_max_per_s = to.rate_max_per_s;
  auto made = siem::make_file_sink(common.parts.spool, std::move(options), common.parts.metrics);
  siem::FileSink* file = made.get();
  return {std::move(made), file};
}

MadeOutput make(const config::SyslogOutput& to, const Common& common) {
  const OutputParts& parts = common.parts;
  if (to.address.empty()) {
    auto options = common.options<siem::SyslogSinkOptions>();
    if (to.format == config::SyslogOutput::Format::kJson) options.format = siem::SyslogSinkOptions::Format::kJson;
    return {siem::make_syslog_sink(parts.spool, std::move(options), parts.metrics)};
  }
  siem::SyslogForwarderOptions options;
  options.forwarder = common.options<siem::ForwarderOptions>();
  options.link.address = parse_syslog_address(to.address).value_or(SyslogAddress{});  // the configuration checked it
  set_tls(options.link, to.tls);
  if (to.format == config::SyslogOutput::Format::kJson) options.format = siem::SyslogForwarderOptions::Format::kJson;
  options.facility = syslog_facility(to.facility).value_or(kFacilityUser);
  options.version = kVersion;
  return common.forwarder(
      siem::make_syslog_forwarder(parts.spool, std::move(options), parts.metrics, parts.clock, parts.reports));
}

MadeOutput make(const config::ProgramOutput& to, const Common& common) {
  const OutputParts& parts = common.parts;
  siem::ProgramForwarderOptions options;
  options.forwarder = common.options<siem::ForwarderOptions>();
  options.program = to.program;
  return common.forwarder(
      siem::make_program_forwarder(parts.spool, std::move(options), parts.metrics, parts.clock, parts.reports));
}

MadeOutput make(const config::SlackOutput& to, const Common& common) {
  const OutputParts& parts = common.parts;
  auto options = common.options<slack::SlackOptions>();
  options.webhook_url = to.webhook_url.reveal();
  options.webhook_url_file = to.webhook_url_file;
  options.fold_window_ms = uint64_t{to.fold_window_s} * 1'000;
  set_tls(options, to.tls);
  return common.forwarder(
      slack::make_slack_sink(parts.spool, std::move(options), parts.metrics, parts.clock, parts.reports));
}

MadeOutput make(const config::SecurityHubOutput& to, const Common& common) {
  const OutputParts& parts = common.parts;
  aws::SecurityHubOptions options;
  options.forwarder = common.options<siem::ForwarderOptions>();
  options.region = to.region;
  options.account = to.account;
  options.endpoint = to.endpoint;
  options.profile = to.profile;
  if (to.format == config::SecurityHubOutput::Format::kOcsf) options.format = aws::SecurityHubOptions::Format::kOcsf;
  set_tls(options, to.tls);
  return common.forwarder(
      aws::make_security_hub_sink(parts.spool, std::move(options), parts.metrics, parts.clock, parts.reports));
}

MadeOutput make(const config::WazuhAgentOutput& to, const Common& common) {
  auto options = common.options<wazuh::AgentQueueOptions>();
  options.path = to.path;
  options.rate_max_per_s = to.rate_max_per_s;
  return {wazuh::make_agent_queue_sink(common.parts.spool, std::move(options), common.parts.metrics)};
}

MadeOutput make(const config::WazuhManager& /*to*/, const Common& /*common*/) {
  return {};
}

MadeOutput make(const config::HttpOutput& to, const Common& common) {
  auto options = common.options<siem::HttpOptions>();
  options.url = to.url.reveal();
  options.url_file = to.url_file;
  for (const auto& [name, value] : to.headers) options.headers.emplace_back(name, value.reveal());
  set_tls(options, to.tls);
  options.timeout_ms = static_cast<int>(to.timeout_ms);
  const OutputParts& parts = common.parts;
  return common.forwarder(
      siem::make_http_sink(parts.spool, std::move(options), parts.metrics, parts.clock, parts.reports));
}

}  // namespace

MadeOutput make_output(const config::Output& output, const std::string& name, const OutputParts& parts) {
  const Common common{name, static_cast<alert::Priority>(output.priority), condition_id(output.condition), parts};
  return std::visit([&](const auto& to) { return make(to, common); }, output.to);
}

}  // namespace tiercel
