// The agent's side of the interoperability tests: a WazuhSink that does what standard input says, and tells on standard
// output what happens. usage: agent_probe KEY=VALUE...  (host port enrol_port keys name password ca version group)
//   send N | status | stop        in
//   sent JSON | ar JSON | file NAME MD5 SIZE | connected | disconnected | status K=V... | failed TEXT | stopped    out
#include <fmt/core.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "agent/alert/json.h"
#include "agent/alert/normalised.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "siem/spool.h"
#include "siem/wazuh/sink.h"

namespace {

using namespace tiercel;

std::mutex g_output_mutex;

void say(const std::string& line) {
  std::lock_guard lock(g_output_mutex);
  std::cout << line << std::endl;
}

alert::AlertPtr make_alert(uint64_t number) {
  auto alert = std::make_shared<alert::Alert>();
  alert->id = fmt::format("probe-{}", number);
  alert->priority = number % 3 == 0 ? alert::Priority::kCritical : alert::Priority::kNotice;
  alert->rule = "Reverse Shell";
  alert::NormalisedEvent event;
  event.set("id", alert->id);
  event.set("rule", alert->rule);
  event.set("priority", std::string(alert::display_name(alert->priority)));
  event.set("source", "syscall");
  event.set("proc.name", "b\xc3\xa4sh \"quoted\" \\ \n \x01 \xff");
  event.set("proc.cmdline", number % 50 == 7 ? std::string(8'000, 'x') : std::string("sh -i"));
  event.set("srcip", "192.0.2.1");
  alert->event_json = event.render();
  return alert;
}

wazuh::WazuhOptions options_from(std::map<std::string, std::string>& arguments) {
  wazuh::WazuhOptions options;
  options.managers = {{arguments["host"], static_cast<uint16_t>(std::stoi(arguments["port"])),
                       static_cast<uint16_t>(std::stoi(arguments["enrol_port"]))}};
  options.keys_file = arguments["keys"];
  options.agent_name = arguments["name"];
  options.password = arguments["password"];
  options.ca_file = arguments["ca"];
  if (!arguments["version"].empty()) options.version = arguments["version"];
  options.version_pinned = !arguments["version"].empty();
  if (!arguments["group"].empty()) options.groups = {arguments["group"]};
  options.labels = {{"env", "interop", wazuh::Label::Visibility::kVisible}};
  options.reconnect_ms_min = 20;
  options.reconnect_ms_max = 200;
  options.keepalive_ms = 200;
  options.delivery.confirm_age_ms = 200;
  options.delivery.ping_interval_ms = 20;
  return options;
}

std::string text_of(const wazuh::WazuhStatus& status) {
  return fmt::format("status connected={} id={} sent={} resent={} confirmed={} unconfirmed={} reconnects={} error={}",
                     status.connected ? 1 : 0, status.agent_id, status.sent, status.resent, status.confirmed,
                     status.unconfirmed, status.reconnects, status.last_error);
}

}  // namespace

int main(int count, char** words) {
  std::map<std::string, std::string> arguments;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const size_t equals = word.find('=');
    if (equals != std::string::npos) arguments[word.substr(0, equals)] = word.substr(equals + 1);
  }
  Metrics metrics;
  SystemClock clock;
  alert::Reports reports(metrics);
  const auto spool = siem::make_spool({}, metrics, clock, reports);
  wazuh::WazuhCallbacks callbacks;
  callbacks.active_response = [](const wazuh::ActiveResponse& response) { say("ar " + response.json); };
  callbacks.shared_file = [](const wazuh::SharedFile& file) {
    say(fmt::format("file {} {} {}", file.name, file.md5, file.content.size()));
  };
  callbacks.connection = [](bool connected) { say(connected ? "connected" : "disconnected"); };
  wazuh::WazuhSink sink(*spool, options_from(arguments), callbacks, metrics, clock);
  if (const auto started = sink.start(); !started) {
    say("failed " + started.error().message);
    return 1;
  }
  uint64_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.starts_with("send ")) {
      for (const uint64_t last = number + std::stoull(line.substr(5)); number < last;) {
        const auto alert = make_alert(++number);
        say("sent " + alert->event_json);
        spool->append(alert);
      }
    } else if (line == "status") {
      say(text_of(sink.status()));
    } else if (line == "stop") {
      break;
    }
  }
  sink.stop(10'000);
  say(text_of(sink.status()));
  say("stopped");
  return 0;
}
