// Config: what tiercel.yaml says, as plain values. Every default is written here and nowhere else. Made by load.h,
// immutable afterwards; any thread may read it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/base/log.h"
#include "agent/base/priority.h"

namespace tiercel::config {

// A text that must not be shown: it has no way to a stream or a formatter but reveal().
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] bool empty() const { return text_.empty(); }
  [[nodiscard]] const std::string& reveal() const { return text_; }
  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

enum class RuleMatching : uint8_t { kFirst, kAll };

// append_output: what is added to the output of the rules that match. Empty members of the match hold for every rule.
struct AppendOutput {
  struct Match {
    std::string source;
    std::vector<std::string> tags;  // the rule has all of them
    std::string rule;
    bool operator==(const Match&) const = default;
  };
  struct ExtraField {
    std::string key;
    std::string format;  // empty: the field `key` itself, with its own type
    bool operator==(const ExtraField&) const = default;
  };
  Match match;
  std::string extra_output;
  std::vector<ExtraField> extra_fields;
  bool suggested_output = false;
  bool operator==(const AppendOutput&) const = default;
};

// One step of `rules:`, which switches rules on and off after they are loaded; later steps win.
struct RuleSelection {
  bool enable = false;
  std::string rule;  // a name, with * for anything; empty if by tag
  std::string tag;
  bool operator==(const RuleSelection&) const = default;
};

// A text of the user's that rules and outputs may name as static.KEY.
struct StaticField {
  std::string key;
  std::string value;
  bool operator==(const StaticField&) const = default;
};

struct StdoutOutput {
  enum class Format : uint8_t { kText, kJson };
  Format format = Format::kText;  // json_output: true changes it where the file says nothing
  bool operator==(const StdoutOutput&) const = default;
};

struct FileOutput {
  enum class Format : uint8_t { kNormalised, kFalco, kText, kWazuh };
  std::string path = "/var/log/tiercel/alerts.json";
  Format format = Format::kNormalised;
  uint32_t rotate_size_mb = 100;  // 0: never
  uint32_t rotate_files = 5;
  uint32_t rate_max_per_s = 400;  // of the format wazuh; 0: no limit. As of WazuhAgentOutput
  bool operator==(const FileOutput&) const = default;
};

// TLS towards an HTTP service or a syslog server.
struct Tls {
  std::string ca_file = {};  // PEM; empty: the distribution's
  std::string client_certificate = {};
  std::string client_key = {};
  bool operator==(const Tls&) const = default;
};

struct SyslogOutput {
  enum class Format : uint8_t { kText, kJson };
  Format format = Format::kText;  // as of StdoutOutput
  std::string address = {};       // empty: syslog(3); unix:///dev/log, udp://HOST:PORT, tcp://..., tls://...: RFC 5424
  std::string facility = "user";
  Tls tls = {};
  bool operator==(const SyslogOutput&) const = default;
};

struct WazuhManager {
  enum class Protocol : uint8_t { kTcp, kUdp };
  std::string host;
  uint16_t port = 1514;
  uint16_t enrol_port = 1515;
  Protocol protocol = Protocol::kTcp;
  bool operator==(const WazuhManager&) const = default;
};

// The queue of a wazuh-agent on this host, which forwards what comes there to its manager.
struct WazuhAgentOutput {
  std::string path = "/var/ossec/queue/sockets/queue";
  uint32_t rate_max_per_s = 400;  // 0: no limit; below the 500 that the wazuh-agent forwards
  bool operator==(const WazuhAgentOutput&) const = default;
};

// One JSON object a POST, in the shape that Falco's http_output and falcosidekick's input have.
struct HttpOutput {
  Secret url = {};  // it may hold a token
  std::string url_file = {};
  std::vector<std::pair<std::string, Secret>> headers = {};
  Tls tls = {};
  uint32_t timeout_ms = 10'000;
  bool operator==(const HttpOutput&) const = default;
};

struct SlackOutput {
  Secret webhook_url = {};
  std::string webhook_url_file = {};  // its first line is the URL
  uint32_t fold_window_s = 60;        // repeats of a rule and key within it become one message; 0: every alert is one
  Tls tls = {};
  bool operator==(const SlackOutput&) const = default;
};

struct SecurityHubOutput {
  enum class Format : uint8_t { kAsff, kOcsf };
  std::string region = {};    // empty: as AWS users set it (AWS_REGION, profile, instance metadata)
  std::string account = {};   // empty: instance metadata, else GetCallerIdentity
  std::string endpoint = {};  // empty: that of the region and its partition
  std::string profile = {};   // of the shared files
  Format format = Format::kAsff;
  Tls tls = {};
  bool operator==(const SecurityHubOutput&) const = default;
};

// A program of the operator's that gets a line of JSON for each alert on its standard input. No shell.
struct ProgramOutput {
  std::vector<std::string> program = {};  // path and arguments
  bool operator==(const ProgramOutput&) const = default;
};

struct Output {
  std::variant<StdoutOutput, FileOutput, SyslogOutput, WazuhManager, WazuhAgentOutput, HttpOutput, SlackOutput,
               SecurityHubOutput, ProgramOutput>
      to;
  uint8_t priority = kPriorityDebug;  // the least severe that goes there
  std::string name = {};              // of its place in the spool, its counters and `outputs test`; empty: its type
  std::string condition = {};         // in the rules' language; alerts that do not satisfy it do not go there
  bool operator==(const Output&) const = default;
};

struct WazuhLabel {
  enum class Visibility : uint8_t { kVisible, kHidden, kSystem };
  std::string key;
  std::string value;
  Visibility visibility = Visibility::kVisible;
  bool operator==(const WazuhLabel&) const = default;
};

struct Wazuh {
  std::vector<WazuhManager> managers;  // with those of `outputs`, each once, in the order of the file
  std::string agent_name;              // empty: the host's name
  std::vector<std::string> groups;
  std::string password_file;  // its first line is the enrolment password
  Secret password;            // meant for ${VARIABLE}
  bool enrol = true;          // false: only a key that is there already
  std::string ca_file;        // empty: the manager's certificate is not checked
  std::string client_certificate;
  std::string client_key;
  std::string agent_ip;  // empty: the manager decides; "src", "any", an address or a network
  std::string version;   // empty: what the manager takes
  std::vector<WazuhLabel> labels;
  uint32_t rate_max_per_s = 0;  // alerts; 0: no limit
  uint32_t confirm_age_ms_min = 200;
  std::string keys_file;  // empty: client.keys in state_dir
  bool operator==(const Wazuh&) const = default;
};

// What is kept on the disk of alerts that wait for an output. Beyond these the least severe go first, or the oldest.
struct Spool {
  uint32_t size_mb_max = 1'024;
  uint32_t age_h_max = 168;  // 0: no limit
  bool operator==(const Spool&) const = default;
};

// Alerts kept on this host, for `tiercel alerts`.
struct History {
  bool enabled = true;
  uint32_t size_mb_max = 256;
  uint32_t age_days_max = 30;  // 0: no limit
  bool operator==(const History&) const = default;
};

struct Sensor {
  enum class Attach : uint8_t { kAuto, kTrampoline, kKprobe, kTracepoint };
  uint32_t ring_vital_size_kb = 4096;  // processes, credentials, namespaces
  uint32_t ring_bulk_size_kb = 8192;   // files and network
  uint32_t procinfo_interval_s = 30;   // between two looks at what processes use of CPUs, where a rule asks for it
  uint32_t flood_budget_kb = 128;      // a second, for the events of one kind and cgroup, when that ring fills up
  uint32_t flood_mark_percent = 75;    // of that ring: from here on
  bool push_down = true;               // the kernel leaves out what no rule needs
  bool compat_calls = false;           // 32-bit callers too, where hooks hang on tracepoints
  Attach attach = Attach::kAuto;       // how hooks are; kAuto: the best way that works (agent/sensor/way.h)
  bool operator==(const Sensor&) const = default;
};

// Where containers' runtimes keep their records, and whether their sockets are asked for what those lack.
struct Containers {
  bool ask_runtimes = true;
  std::string docker_root = "/var/lib/docker";
  std::string storage_root = "/var/lib/containers/storage";  // Podman's and CRI-O's
  bool operator==(const Containers&) const = default;
};

// What the manager's group may have a say in.
struct GroupConfiguration {
  bool enabled = true;
  std::vector<std::string> allow;  // keys of the top level that a group may set besides those that it may anyway
  bool operator==(const GroupConfiguration&) const = default;
};

// A rule file of the group: its name in the group's folder, and what it says.
struct GroupRules {
  std::string name;
  std::string text;
};

// What a manager may have done on this host.
struct ActiveResponse {
  bool enabled = true;
  std::string home = "/var/lib/tiercel";     // holds active-response/bin; scripts run there
  uint32_t timeout_s = 60;                   // of a script; then it is killed
  std::vector<uint32_t> repeated_offenders;  // minutes
  std::vector<std::string> allow;            // scripts; empty: all in active-response/bin
  std::string log;                           // empty: logs/active-responses.log in home
  bool operator==(const ActiveResponse&) const = default;
};

// What the rules' own responses may do on this host: docs/responses.md.
struct LocalResponse {
  bool enabled = true;
  bool dry_run = false;              // only tell what would have been done
  std::vector<std::string> protect;  // names or paths of programs, beside those that always are
  uint32_t budget_per_min = 60;      // of all responses together
  bool operator==(const LocalResponse&) const = default;
};

// /metrics and /healthz: docs/metrics.md.
struct Metrics {
  bool enabled = true;
  std::string listen = "127.0.0.1:9376";  // as ListenAddress reads it
  bool operator==(const Metrics&) const = default;
};

// What the agent gives up after its start: docs/hardening.md.
struct Hardening {
  bool seccomp = true;       // system calls that it does not need
  bool capabilities = true;  // those that it does not need
  bool guard = false;        // others may not end or trace it, where BPF LSM is active: docs/self-protection.md
  bool operator==(const Hardening&) const = default;
};

struct Config {
  std::vector<std::string> rules_files{"/usr/share/tiercel/rules", "/etc/tiercel/rules.d"};  // the package's, yours
  uint8_t priority = kPriorityDebug;  // rules less severe than this are not enabled
  RuleMatching rule_matching = RuleMatching::kFirst;
  std::vector<RuleSelection> rules;
  std::vector<StaticField> static_fields;
  bool watch_config_files = true;  // reload when the rules or this file change

  bool json_output = false;
  bool json_include_output_property = true;
  bool json_include_message_property = false;
  bool json_include_output_fields_property = true;
  bool json_include_tags_property = true;
  bool time_format_iso_8601 = false;
  std::vector<AppendOutput> append_output{{{}, {}, {}, true}};

  std::vector<Output> outputs{Output{}};  // the text lines on standard output
  Wazuh wazuh;
  Spool spool;
  History history;
  Sensor sensor;
  Containers containers;
  GroupConfiguration group_configuration;
  // No key: what a group adds, read after rules_files. Null: nothing.
  std::shared_ptr<const std::vector<GroupRules>> group_rules;
  ActiveResponse active_response;
  LocalResponse response;
  Metrics metrics;
  Hardening hardening;
  std::string host_root;  // where the host's files are, for an agent in a container; "": this is the host

  log::Level log_level = log::Level::kInfo;
  uint32_t heartbeat_interval_s = 600;  // 0: none
  uint32_t self_test_interval_s = 60;   // 0: none
  std::string state_dir = "/var/lib/tiercel";
  std::string run_dir = "/run/tiercel";

  [[nodiscard]] std::string wazuh_keys_file() const {
    return wazuh.keys_file.empty() ? state_dir + "/client.keys" : wazuh.keys_file;
  }
  [[nodiscard]] std::string history_folder() const { return state_dir + "/history"; }
  [[nodiscard]] std::string socket_path() const { return run_dir + "/tiercel.sock"; }
  bool operator==(const Config&) const = default;
};

}  // namespace tiercel::config
