#include "siem/wazuh/requests.h"

#include <fmt/core.h>

#include <array>

#include "agent/alert/json.h"
#include "agent/base/time_text.h"

namespace tiercel::wazuh {
namespace {

using alert::json_string;

constexpr const char* kNoSection = "err Could not get requested section";
constexpr const char* kNoCommand = "err Unrecognized command";
constexpr const char* kNoTarget = "err No such file or directory";  // as of an agent without that daemon
constexpr const char* kNoUpgrade = "Tiercel is upgraded by the packages of its host, not by the manager";

std::string when(uint64_t realtime_ns) {
  return realtime_ns == 0 ? std::string() : datetime_local_seconds(realtime_ns);
}

const char* yes_no(bool value) {
  return value ? "yes" : "no";
}

// A member of a JSON object with a comma before it; nothing for an empty text.
std::string member(std::string_view key, std::string_view text) {
  return text.empty() ? std::string() : fmt::format(R"(,"{}":{})", key, json_string(text));
}

std::string client_section(const WazuhOptions& options, const RequestFacts& facts) {
  std::string servers;
  for (const ManagerAddress& manager : options.managers)
    servers += fmt::format(R"({}{{"address":{},"port":{},"protocol":"{}"}})", servers.empty() ? "" : ",",
                           json_string(manager.host), manager.port, manager.protocol == Protocol::kUdp ? "udp" : "tcp");
  std::string groups;
  for (const std::string& group : options.groups) groups += (groups.empty() ? "" : ",") + group;
  std::string enrolment = fmt::format(R"({{"enabled":"{}")", yes_no(options.enrol_if_needed));
  if (!options.managers.empty()) enrolment += fmt::format(R"(,"port":{})", options.managers.front().enrol_port);
  enrolment += member("agent_name", options.agent_name) + member("group", groups) +
               member("server_certificate_path", options.ca_file) +
               member("agent_certificate_path", options.client_certificate) +
               member("agent_key_path", options.client_key) + R"(,"auto_method":"yes"})";
  return fmt::format(R"({{"client":{{"notify_time":{},"time-reconnect":{},"auto_restart":"no","remote_conf":"yes",)"
                     R"("crypto_method":"{}","server":[{}],"enrollment":{}}}}})",
                     options.keepalive_ms / 1'000, options.silence_max_ms / 1'000,
                     facts.cipher == Cipher::kAes ? "aes" : "blowfish", servers, enrolment);
}

// A stock agent's buffer drops what it cannot hold. Ours is the spool, which no limit of events bounds: 0 says so.
std::string buffer_section(const WazuhOptions& options) {
  return fmt::format(R"({{"buffer":{{"disabled":"no","queue_size":0,"events_per_second":{}}}}})",
                     options.rate_max_per_s);
}

std::string labels_section(const WazuhOptions& options) {
  std::string labels;
  for (const Label& label : options.labels) {
    const std::string one =
        fmt::format(R"({}{{"value":{},"key":{},"hidden":"{}"}})", labels.empty() ? "" : ",", json_string(label.value),
                    json_string(label.key), yes_no(label.visibility == Label::Visibility::kHidden));
    if (labels.size() + one.size() > kAnswerBytesMax - 256) break;
    labels += one;
  }
  return R"({"labels":[)" + labels + "]}";
}

std::string internal_section(const WazuhOptions& options) {
  return fmt::format(
      R"({{"internal":{{"agent":{{"recv_timeout":{},"remote_conf":1}},"remoted":{{"verify_msg_id":0}}}}}})",
      options.answer_timeout_ms / 1'000);
}

struct Section {
  std::string_view target, name;
  std::string (*text)(const WazuhOptions& options, const RequestFacts& facts);
};

// What can be asked for with "TARGET getconfig NAME".
constexpr std::array kSections = {
    Section{"agent", "client", client_section},
    Section{"agent", "buffer", [](const WazuhOptions& o, const RequestFacts&) { return buffer_section(o); }},
    Section{"agent", "labels", [](const WazuhOptions& o, const RequestFacts&) { return labels_section(o); }},
    Section{"agent", "internal", [](const WazuhOptions& o, const RequestFacts&) { return internal_section(o); }},
    // An array with a bare word: that is how a stock agent says it.
    Section{
        "agent", "anti_tampering",
        [](const WazuhOptions&, const RequestFacts&) { return std::string(R"({"package_uninstallation":["no"]})"); }},
    Section{"com", "active-response",
            [](const WazuhOptions&, const RequestFacts& f) {
              return fmt::format(R"({{"active-response":{{"disabled":"{}"}}}})", yes_no(!f.takes_responses));
            }},
    Section{"com", "logging",
            [](const WazuhOptions&, const RequestFacts&) {
              return std::string(R"({"logging":{"plain":"yes","json":"no"}})");
            }},
    Section{"com", "internal",
            [](const WazuhOptions&, const RequestFacts&) { return std::string(R"({"internal":{"execd":{}}})"); }},
    Section{"logcollector", "localfile",
            [](const WazuhOptions&, const RequestFacts&) { return std::string(R"({"localfile":[]})"); }},
    Section{"logcollector", "socket",
            [](const WazuhOptions&, const RequestFacts&) { return std::string(R"({"target":[]})"); }},
    Section{
        "logcollector", "internal",
        [](const WazuhOptions&, const RequestFacts&) { return std::string(R"({"internal":{"logcollector":{}}})"); }},
    Section{"syscheck", "syscheck",
            [](const WazuhOptions&, const RequestFacts&) {
              return std::string(R"({"syscheck":{"disabled":"yes","directories":[]}})");
            }},
    Section{
        "syscheck", "rootcheck",
        [](const WazuhOptions&, const RequestFacts&) { return std::string(R"({"rootcheck":{"disabled":"yes"}})"); }},
    Section{"syscheck", "internal",
            [](const WazuhOptions&, const RequestFacts&) { return std::string(R"({"internal":{"syscheck":{}}})"); }},
    Section{"wmodules", "wmodules",
            [](const WazuhOptions&, const RequestFacts&) { return std::string(R"({"wmodules":[]})"); }},
    Section{
        "wmodules", "internal_options",
        [](const WazuhOptions&, const RequestFacts&) { return std::string(R"({"internal":{"wazuh_modules":{}}})"); }},
};

bool is_target(std::string_view target) {
  for (const Section& section : kSections)
    if (section.target == target) return true;
  return false;
}

std::string get_config(std::string_view target, std::string_view name, const WazuhOptions& options,
                       const RequestFacts& facts) {
  for (const Section& section : kSections)
    if (section.target == target && section.name == name)
      return (target == "com" ? "ok  " : "ok ") + section.text(options, facts);  // two blanks: execd's habit
  return kNoSection;
}

std::string agent_state(const RequestFacts& facts) {
  return fmt::format(
      R"({{"error":0,"data":{{"status":"connected","last_keepalive":"{}","last_ack":"{}","msg_count":{},"msg_sent":{},)"
      R"("msg_buffer":{},"buffer_enabled":true}}}})",
      when(facts.last_keepalive_ns), when(facts.last_ack_ns), facts.alerts, facts.messages, facts.waiting);
}

std::string logcollector_state(const RequestFacts& facts) {
  const std::string period =
      fmt::format(R"({{"start":"{}","end":"{}","files":[]}})", when(facts.started_ns), when(facts.now_ns));
  return fmt::format(R"({{"error":0,"remaining":false,"json_updated":false,"data":{{"global":{0},"interval":{0}}}}})",
                     period);
}

// lock_restart is the first step of an upgrade; the rest, down to "sha1", are those of agents before 4.1.
bool is_upgrade_step(std::string_view command) {
  constexpr std::array kSteps = {"lock_restart", "open", "write", "close", "sha1", "upgrade", "uncompress", "unmerge"};
  for (const std::string_view step : kSteps)
    if (command == step) return true;
  return false;
}

Answer act(AgentAction action, bool possible, const char* what) {
  if (possible) return {"ok ", action};
  return {fmt::format("err This agent is not set up to {} at the manager's request", what), AgentAction::kNone};
}

}  // namespace

Answer answer_request(const Request& request, const WazuhOptions& options, const RequestFacts& facts) {
  const std::string_view payload = request.payload;
  const size_t blank = std::min(payload.find(' '), payload.size());
  const std::string_view command = payload.substr(0, blank);
  const std::string_view rest = payload.substr(std::min(blank + 1, payload.size()));
  if (request.target == "upgrade")
    return {fmt::format(R"({{"error":1,"message":{},"data":[]}})", json_string(kNoUpgrade)), AgentAction::kNone};
  if (!is_target(request.target)) return {kNoTarget, AgentAction::kNone};
  if (command == "getconfig") return {get_config(request.target, rest, options, facts), AgentAction::kNone};
  if (command == "getstate" && request.target == "agent") return {agent_state(facts), AgentAction::kNone};
  if (command == "getstate" && request.target == "logcollector") return {logcollector_state(facts), AgentAction::kNone};
  if (request.target == "com") {
    if (command == "restart" || command == "restart-wazuh")
      return act(AgentAction::kRestart, facts.can_restart, "restart");
    if (command == "reload") return act(AgentAction::kReload, facts.can_reload, "reload");
    if (is_upgrade_step(command)) return {std::string("err ") + kNoUpgrade, AgentAction::kNone};
  }
  return {kNoCommand, AgentAction::kNone};
}

}  // namespace tiercel::wazuh
