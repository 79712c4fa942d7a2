#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "agent/config/load.h"
#include "agent/config/output_names.h"
#include "agent/config/text.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::config;
using tiercel::siem::test::content_of;
using tiercel::siem::test::TempDir;

namespace {

Environment with(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    auto it = variables.find(name);
    if (it == variables.end()) return std::nullopt;
    return it->second;
  };
}

Config good(const std::string& text, const Environment& environment = with({})) {
  Diagnostics diagnostics;
  auto config = parse(text, "t.yaml", diagnostics, environment);
  INFO(diagnostics.render_all());
  REQUIRE(config);
  CHECK(diagnostics.all().empty());
  return *config;
}

// The rendered diagnostics of a text that must not load.
std::string bad(const std::string& text, const Environment& environment = with({})) {
  Diagnostics diagnostics;
  CHECK_FALSE(parse(text, "t.yaml", diagnostics, environment));
  return diagnostics.render_all();
}

bool has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  MESSAGE("not found: " << part << "\nin: " << text);
  return false;
}

std::filesystem::path source_root() {
  return std::filesystem::path(__FILE__).parent_path() / "../..";
}

}  // namespace

TEST_CASE("config: an empty file is the defaults") {
  CHECK(good("") == Config{});
  CHECK(good("# nothing\n") == Config{});
  CHECK(good("wazuh:\nsensor:\noutputs:\n") == Config{});
  const Config config;
  CHECK(config.rules_files == std::vector<std::string>{"/usr/share/tiercel/rules", "/etc/tiercel/rules.d"});
  CHECK(config.rule_matching == RuleMatching::kFirst);
  CHECK(config.append_output.size() == 1);
  CHECK(config.append_output[0].suggested_output);
  CHECK(config.socket_path() == "/run/tiercel/tiercel.sock");
  CHECK(config.wazuh_keys_file() == "/var/lib/tiercel/client.keys");
}

TEST_CASE("config: every key arrives") {
  const Config config = good(R"(
rules_files: [/a.yaml, rules]
priority: high
rule_matching: all
rules: [{disable: {rule: "*"}}, {enable: {rule: "Shell *", tag: network}}]
static_fields: {site: north, rack.no: 7}
watch_config_files: no
json_output: yes
json_include_output_property: false
json_include_message_property: true
json_include_output_fields_property: false
json_include_tags_property: off
time_format_iso_8601: true
append_output:
  - match: {source: syscall, tags: [a, b], rule: R}
    extra_output: "on %host.name"
    extra_fields: [proc.exe, {mine: "%proc.name/%proc.pid"}]
  - suggested_output: true
outputs:
  - type: stdout
  - type: stdout
    config: {format: text, priority: Critical}
  - type: file
    config: {path: /x/y.json, format: falco, rotate_size_mb: 7, rotate_files: 9, priority: info}
  - {type: syslog, config: {priority: error}}
  - {type: wazuh_agent, config: {path: /q, rate_max_per_s: 7, priority: alert}}
  - {type: file, config: {format: wazuh}}
  - type: wazuh
    config: {host: m2, port: 1000, enrol_port: 1001}
wazuh:
  managers:
    - host: m1
    - {host: "::1", port: 2, enrol_port: 3, protocol: udp}
  agent_name: web-1
  groups: [a, b]
  password_file: /p
  password: secret-word
  enrol: no
  ca_file: /ca
  client_certificate: /cc
  client_key: /ck
  agent_ip: src
  version: v4.9.0
  labels: [{key: site, value: north}, {key: rack, value: 7, visibility: hidden}]
  rate_max_per_s: 500
  confirm_age_ms_min: 1000
  keys_file: /keys
sensor: {ring_vital_size_kb: 1024, ring_bulk_size_kb: 8192, procinfo_interval_s: 7}
spool: {size_mb_max: 64, age_h_max: 24}
history: {enabled: no, size_mb_max: 12, age_days_max: 3}
active_response: {enabled: no, home: /h, timeout_s: 9, repeated_offenders: [5, 10], allow: [a, b], log: /l}
log_level: debug
heartbeat_interval_s: 0
self_test_interval_s: 7
state_dir: /s
run_dir: /r
)");
  CHECK(config.rules_files == std::vector<std::string>{"/a.yaml", "rules"});
  CHECK(config.priority == 3);
  CHECK(config.rule_matching == RuleMatching::kAll);
  CHECK_FALSE(config.watch_config_files);
  CHECK(config.heartbeat_interval_s == 0);
  CHECK(config.self_test_interval_s == 7);
  CHECK(config.json_output);
  CHECK_FALSE(config.json_include_output_property);
  CHECK(config.json_include_message_property);
  CHECK_FALSE(config.json_include_output_fields_property);
  CHECK_FALSE(config.json_include_tags_property);
  CHECK(config.time_format_iso_8601);
  REQUIRE(config.append_output.size() == 2);
  CHECK(config.append_output[0] == AppendOutput{{"syscall", {"a", "b"}, "R"},
                                                "on %host.name",
                                                {{"proc.exe", ""}, {"mine", "%proc.name/%proc.pid"}},
                                                false});
  CHECK(config.append_output[1].suggested_output);
  CHECK(config.active_response == ActiveResponse{false, "/h", 9, {5, 10}, {"a", "b"}, "/l"});
  REQUIRE(config.outputs.size() == 7);
  CHECK(config.rules == std::vector<RuleSelection>{{false, "*", ""}, {true, "Shell *", ""}, {true, "", "network"}});
  CHECK(config.static_fields == std::vector<StaticField>{{"site", "north"}, {"rack.no", "7"}});
  CHECK(config.outputs[0] == Output{StdoutOutput{StdoutOutput::Format::kJson}, 7});  // json_output decides
  CHECK(config.outputs[1] == Output{StdoutOutput{StdoutOutput::Format::kText}, 2});
  CHECK(config.outputs[2] == Output{FileOutput{"/x/y.json", FileOutput::Format::kFalco, 7, 9}, 6});
  CHECK(config.outputs[3] == Output{SyslogOutput{SyslogOutput::Format::kJson}, 3});
  CHECK(config.outputs[4] == Output{WazuhAgentOutput{"/q", 7}, 1});
  CHECK(config.outputs[5] == Output{FileOutput{"/var/log/tiercel/alerts.json", FileOutput::Format::kWazuh}, 7});
  CHECK(config.outputs[6] == Output{WazuhManager{"m2", 1000, 1001}, 7});
  CHECK(config.wazuh.managers ==
        std::vector<WazuhManager>{{"m1", 1514, 1515}, {"::1", 2, 3, WazuhManager::Protocol::kUdp}, {"m2", 1000, 1001}});
  CHECK(config.wazuh.agent_name == "web-1");
  CHECK(config.wazuh.groups == std::vector<std::string>{"a", "b"});
  CHECK(config.wazuh.password_file == "/p");
  CHECK(config.wazuh.password.reveal() == "secret-word");
  CHECK_FALSE(config.wazuh.enrol);
  CHECK(config.wazuh.ca_file == "/ca");
  CHECK(config.wazuh.client_certificate == "/cc");
  CHECK(config.wazuh.client_key == "/ck");
  CHECK(config.wazuh.agent_ip == "src");
  CHECK(config.wazuh.version == "v4.9.0");
  CHECK(config.wazuh.labels == std::vector<WazuhLabel>{{"site", "north", WazuhLabel::Visibility::kVisible},
                                                       {"rack", "7", WazuhLabel::Visibility::kHidden}});
  CHECK(config.wazuh.rate_max_per_s == 500);
  CHECK(config.wazuh.confirm_age_ms_min == 1'000);
  CHECK(config.wazuh_keys_file() == "/keys");
  CHECK(config.sensor == Sensor{1024, 8192, 7});
  CHECK(config.spool == Spool{64, 24});
  CHECK(config.history == History{false, 12, 3});
  CHECK(config.log_level == log::Level::kDebug);
  CHECK(config.state_dir == "/s");
  CHECK(config.socket_path() == "/r/tiercel.sock");
}

TEST_CASE("config: the seed's outputs load unchanged") {
  Diagnostics diagnostics;
  const auto config = parse(R"(# Alert routing configuration
outputs:
  - type: slack
    config:
      webhook_url: https://hooks.slack.com/xxx
      priority: critical

  - type: aws_security_hub
    config:
      region: us-east-1
      priority: high

  - type: wazuh
    config:
      host: wazuh-manager
      port: 1514
)",
                            "seed.yaml", diagnostics, with({}));
  REQUIRE(config);
  REQUIRE(config->outputs.size() == 3);
  CHECK(std::get<SlackOutput>(config->outputs[0].to).webhook_url.reveal() == "https://hooks.slack.com/xxx");
  CHECK(config->outputs[0].priority == 2);
  CHECK(std::get<SecurityHubOutput>(config->outputs[1].to).region == "us-east-1");
  CHECK(config->outputs[1].priority == 3);
  CHECK(config->wazuh.managers == std::vector<WazuhManager>{{"wazuh-manager", 1514, 1515}});
  CHECK(diagnostics.all().empty());
  CHECK(output_names(config->outputs) == std::vector<std::string>{"slack", "aws_security_hub", "wazuh"});
}

TEST_CASE("config: every mistake at once, each with its place") {
  const std::string text =
      "rule_files: [x]\n"                     // 1: near a known key
      "priority: highest\n"                   // 2
      "json_output: 3\n"                      // 3
      "agent_name: x\n"                       // 4: known elsewhere
      "sensor: {ring_vital_size_kb: 1000}\n"  // 5: no power of two
      "outputs:\n"
      "  - type: fiel\n"  // 7
      "  - type: file\n"
      "    config: {path: relative, rotate_files: 0}\n"  // 9: two
      "  - config: {}\n"                                 // 10
      "  - type: wazuh\n"                                // 11: takes the managers below
      "wazuh:\n"
      "  managers: [{port: 70000}, {host: 'a b'}]\n"  // 13: three
      "  groups: {a: b}\n"                            // 14
      "log_level: loud\n"                             // 15
      "run_dir: [x]\n"                                // 16
      "json_output: true\n"                           // 17: again
      "state_dir:\n";                                 // 18: nothing
  const std::string rendered = bad(text);
  CHECK(has(
      rendered,
      "t.yaml:1:1: error: unknown key 'rule_files'\n    rule_files: [x]\n    ^\n    help: did you mean rules_files?"));
  CHECK(has(rendered,
            "t.yaml:2:11: error: priority must be Emergency, Alert, Critical, Error, Warning, Notice, Informational or "
            "Debug, not 'highest'"));
  CHECK(has(rendered, "t.yaml:3:14: error: json_output must be true or false, not '3'"));
  CHECK(has(rendered, "t.yaml:4:1: error: unknown key 'agent_name'"));
  CHECK(has(rendered, "help: did you mean wazuh.agent_name?"));
  CHECK(has(rendered, "t.yaml:5:30: error: sensor.ring_vital_size_kb must be a power of two, not 1000"));
  CHECK(has(rendered, "help: 512 or 1024"));
  CHECK(has(rendered,
            "t.yaml:7:11: error: outputs[0].type must be stdout, file, syslog, program, wazuh, wazuh_agent, "
            "http_output, slack or aws_security_hub, not 'fiel'"));
  CHECK(has(rendered, "help: did you mean file?"));
  CHECK(has(rendered, "t.yaml:9:20: error: outputs[1].config.path must be a whole path, from /, not 'relative'"));
  CHECK(has(rendered, "t.yaml:9:44: error: outputs[1].config.rotate_files must be a number from 1 to 1000, not '0'"));
  CHECK(has(rendered, "t.yaml:10:5: error: outputs[2] needs a type"));
  CHECK(has(rendered, "t.yaml:13:14: error: wazuh.managers[0] needs a host"));
  CHECK(has(rendered, "t.yaml:13:21: error: wazuh.managers[0].port must be a number from 1 to 65535, not '70000'"));
  CHECK(has(rendered, "t.yaml:13:36: error: wazuh.managers[1].host must be a host's name or address, not 'a b'"));
  CHECK(has(rendered, "t.yaml:14:11: error: wazuh.groups must be a list, here is a map of keys"));
  CHECK(has(rendered, "t.yaml:15:12: error: log_level must be"));
  CHECK(has(rendered, "t.yaml:16:10: error: run_dir must be a path, here is a list"));
  CHECK(has(rendered, "t.yaml:17:1: error: 'json_output' is written twice"));
  CHECK(has(rendered, "t.yaml:18:1: error: state_dir must be a path, here is nothing"));
  Diagnostics diagnostics;
  CHECK_FALSE(parse(text, "t.yaml", diagnostics, with({})));
  CHECK(diagnostics.errors() == 17);
}

TEST_CASE("config: a version of Wazuh is one, a label has a key, a protocol is tcp or udp") {
  for (const char* bad_version : {"4.9.0", "v4.9", "v4.9.", "v4..9", "v4.9.x", "v4.9.0.1", "v444444.9.0.1"})
    CHECK(has(bad("wazuh: {version: " + std::string(bad_version) + "}\n"), "must be a version of Wazuh, like v4.9.0"));
  CHECK(good("wazuh: {version: v4.14.12}\n").wazuh.version == "v4.14.12");
  CHECK(has(bad("wazuh: {labels: [{value: x}]}\n"), "wazuh.labels[0] needs a key"));
  CHECK(has(bad("wazuh: {managers: [{host: m, protocol: sctp}]}\n"), "must be tcp or udp, not 'sctp'"));
}

TEST_CASE("config: wazuh as an output without a host, and no output at all") {
  CHECK(has(bad("outputs:\n  - type: wazuh\n"), "t.yaml:2:11: error: outputs: wazuh needs a host"));
  CHECK(good("outputs:\n  - type: wazuh\nwazuh: {managers: [{host: m}]}\n").outputs.size() == 1);
  Diagnostics diagnostics;
  CHECK(parse("outputs: []\n", "t.yaml", diagnostics, with({})));
  CHECK(has(diagnostics.render_all(), "warning: no output is configured"));
}

TEST_CASE("config: anchors and aliases") {
  const Config config = good("rules_files: &files [/a, /b]\nwazuh: {groups: *files, agent_name: &n x, ca_file: /c}\n");
  CHECK(config.wazuh.groups == std::vector<std::string>{"/a", "/b"});
  CHECK(config.rules_files == std::vector<std::string>{"/a", "/b"});
  CHECK(good("---\npriority: Error\n...\n").priority == 3);
}

TEST_CASE("config: one manager named twice is one manager") {
  const Config config = good("outputs:\n  - {type: wazuh, config: {host: m}}\nwazuh: {managers: [{host: m}]}\n");
  CHECK(config.wazuh.managers.size() == 1);
}

TEST_CASE("config: variables, as Falco expands them") {
  const auto environment = with({{"A", "one"},
                                 {"B", "two"},
                                 {"A_two", "nested"},
                                 {"N", "4711"},
                                 {"YES", "true"},
                                 {"IN", "<${A}>"},
                                 {"LOOP", "${LOOP}"},
                                 {"EMPTY", ""},
                                 {"G", "syn: [1"}});
  auto expanded = [&](const std::string& text) {
    auto result = expand_variables(text, environment);
    REQUIRE(result);
    return *result;
  };
  CHECK(expanded("${A}") == "one");
  CHECK(expanded("x${A}y${B}z") == "xoneytwoz");
  CHECK(expanded("${A_${B}}") == "nested");
  CHECK(expanded("${IN}") == "<one>");
  CHECK(expanded("${UNSET}|${EMPTY}") == "|");
  CHECK(expanded("$${A}") == "${A}");
  CHECK(expanded("$A $ $$ ${") == "$A $ $$ ${");
  CHECK(expanded("${A") == "${A");
  CHECK(expanded("a$${A_${B}}${A}") == "a${A_two}one");
  CHECK_FALSE(expand_variables("${LOOP}", environment));
}

TEST_CASE("config: the type is decided after the variables") {
  const auto environment =
      with({{"N", "4711"}, {"YES", "true"}, {"G", "syn: [1"}, {"LOOP", "${LOOP}"}, {"PW", "hunter2"}});
  const Config config = good(
      "outputs: [{type: wazuh, config: {host: m, port: \"${N}\"}}]\n"
      "wazuh: {agent_name: \"${G}\", password: \"${PW}\"}\njson_output: ${YES}\n",
      environment);
  CHECK(config.wazuh.managers[0].port == 4711);
  CHECK(config.json_output);
  CHECK(config.wazuh.agent_name == "syn: [1");
  CHECK(config.wazuh.password.reveal() == "hunter2");
  CHECK(has(bad("run_dir: ${LOOP}\n", environment), "t.yaml:1:10: error: its variables name each other without end"));
}

TEST_CASE("config: what a variable holds stays out of the messages") {
  const auto environment = with({{"PW", "hunter 2"}});
  for (const std::string before :
       {"json_output: ", "priority: ", "rule_matching: ", "log_level: ", "run_dir: ", "sensor:\n  ring_bulk_size_kb: ",
        "wazuh:\n  managers:\n  - host: ", "wazuh:\n  managers:\n  - host: h\n    port: ", "outputs:\n  - type: "}) {
    const std::string rendered = bad(before + "${PW}\n", environment);
    CHECK(has(rendered, "not '${PW}'"));
    CHECK(rendered.find("hunter") == std::string::npos);
  }
}

TEST_CASE("config: a secret does not get out through a mistake") {
  for (const std::string text : {
           "wazuh:\n  password: [hunter2]\n",
           "wazuh:\n  passwrd: hunter2\n",
           "wazuh: {password: hunter2, bad_key: 1}\n",
           "wazuh:\n  password: |\n    hunter2\n   bad\n  x: [\n",
           "wazuh:\n  \"password\" : hunter2\n  Password: hunter2\n  oops\n",
           "slack_webhook: hunter2\nAPI_KEY: hunter2: hunter2\n",
           "wazuh:\n  password:\n    hunter2: x\n    more: hunter2\n",
       }) {
    Diagnostics diagnostics;
    CHECK_FALSE(parse(text, "t.yaml", diagnostics, with({})));
    CHECK(diagnostics.errors() > 0);
    CHECK(diagnostics.render_all().find("hunter2") == std::string::npos);
  }
  CHECK(without_secrets("a: b\nx:\n  password: p\n  host: h\n") == "a: b\nx:\n  password: ***\n  host: h\n");
  CHECK(without_secrets("- token: t\n  host: h\n- b\n") == "- token: ***\n  host: h\n- b\n");
  CHECK(without_secrets("password_file: /x\n") == "password_file: /x\n");
}

TEST_CASE("config: hostile YAML ends in a message") {
  CHECK(has(bad("a: [1\nb"), "t.yaml:"));
  CHECK(has(bad("\tx: 1"), "not YAML"));
  CHECK(has(bad("a: 1\n---\nb: 2\n"), "a second document begins here"));
  CHECK(has(bad("a: 1\n...\nb: 2\n"), "a second document begins here"));
  CHECK(has(bad("{priority: Debug} b"), "a second document begins here"));
  CHECK(has(bad(", x"), "t.yaml:"));  // yaml-cpp's own loader never comes back from this
  CHECK(has(bad("[1, 2]"), "must be a map of keys"));
  CHECK(has(bad("{a: 1}: 2\n"), "a key must be a plain word"));
  CHECK(has(bad("? \n: 2\n"), "a key must be a plain word"));
  CHECK(has(bad("x: &x a\n*x : 2\n"), "a key must be a plain word"));
  CHECK(has(bad("? [a, b]\n: 1\n"), "a key must be a plain word"));
  CHECK(has(bad("a: *nobody\n"), "not YAML"));
  bad(std::string(100'000, '['));
  bad(std::string(100'000, '{'));
  bad(std::string("a: \xff\xfe\x00 b: [", 11));
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) laughs += ", " + before;
    laughs += "]\n";
  }
  CHECK(has(bad(laughs), "more than 20000 values"));
  CHECK(has(bad("a: &a [*a]\n"), "an alias inside of what it stands for"));
  // The column is beyond the end of the line as it is shown, without the secret.
  bad("wazuh: {" + std::string(170, 'y') + ": 1, password: " + std::string(700, 'x') + ", bad: 1}\n");
  CHECK(has(bad(std::string(900, 'k') + ": 1\n"), "unknown key"));
}

TEST_CASE("config: a file that cannot be read") {
  TempDir dir;
  Diagnostics diagnostics;
  CHECK_FALSE(load(dir / "none.yaml", diagnostics));
  CHECK(has(diagnostics.render_all(), "none.yaml: error: cannot open"));
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  CHECK_FALSE(load(dir / "fifo", diagnostics));
  std::ofstream(dir / "big.yaml") << std::string((1 << 20) + 1, '#');
  CHECK_FALSE(load(dir / "big.yaml", diagnostics));
  CHECK(has(diagnostics.render_all(), "larger than 1048576 bytes"));
}

TEST_CASE("config: the shipped file loads clean, and what it shows are the defaults") {
  const std::string path = (source_root() / "packaging/etc/tiercel.yaml").string();
  const std::string text = content_of(path);
  REQUIRE_FALSE(text.empty());
  Config shipped = good(text);
  REQUIRE(shipped.outputs.size() == 2);
  CHECK(shipped.outputs[0] == Output{StdoutOutput{}, kPriorityDebug});
  CHECK(shipped.outputs[1] == Output{FileOutput{}, kPriorityDebug});
  shipped.outputs = Config{}.outputs;
  CHECK(shipped == Config{});

  // Again with every "#key" brought in: all keys are known, every known key is there, and each shows its default.
  std::string all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t hash = line.find('#');
    const bool shown = hash != std::string::npos && line.find_first_not_of(' ') == hash && hash + 1 < line.size() &&
                       line[hash + 1] != ' ' && line[hash + 1] != '#';
    // "#  - suggested_output" continues a "#key:" above it
    const bool continued = hash != std::string::npos && line.compare(hash, 3, "#  ") == 0;
    if (shown || continued) line.erase(hash, 1);
    all += line + "\n";
  }
  Diagnostics diagnostics;
  auto config = parse(all, "all.yaml", diagnostics, with({}));
  INFO(diagnostics.render_all());
  REQUIRE(config);
  CHECK(diagnostics.all().empty());
  REQUIRE(config->outputs.size() == 9);
  CHECK(config->outputs[0] == Output{StdoutOutput{}, kPriorityDebug});
  CHECK(config->outputs[1] == Output{FileOutput{}, kPriorityDebug});
  CHECK(config->outputs[2] == Output{SyslogOutput{}, kPriorityDebug});
  CHECK(config->outputs[3] == Output{SlackOutput{Secret("https://hooks.slack.com/services/...")}, 2});
  CHECK(config->outputs[4] == Output{SecurityHubOutput{"us-east-1"}, 3});
  CHECK(config->outputs[5] == Output{HttpOutput{Secret("http://falcosidekick:2801/")}, kPriorityDebug});
  CHECK(config->outputs[6].to == Output{ProgramOutput{{"/usr/local/bin/page", "--team", "security"}}}.to);
  CHECK(config->outputs[7] == Output{WazuhManager{"wazuh-manager", 1514, 1515}, kPriorityDebug});
  CHECK(config->outputs[8] == Output{WazuhAgentOutput{}, kPriorityDebug});
  CHECK(config->wazuh.managers == std::vector<WazuhManager>{{"wazuh-manager", 1514, 1515}});
  CHECK(config->wazuh_keys_file() == Config{}.wazuh_keys_file());
  config->outputs = Config{}.outputs;
  config->wazuh = Config{}.wazuh;
  CHECK(*config == Config{});
  for (const std::string& key : known_keys()) {
    const std::string last = key.substr(key.rfind('.') + 1);
    INFO(key);
    CHECK((all.find(last + ":") != std::string::npos));
  }
}

TEST_CASE("config: the keys that are known") {
  const auto keys = known_keys();
  auto is_known = [&](const std::string& key) { return std::find(keys.begin(), keys.end(), key) != keys.end(); };
  for (const char* key : {"rules_files", "wazuh.managers[].host", "outputs[].type", "outputs[file].config.path",
                          "outputs[wazuh].config.port", "append_output[].match.tags", "append_output[].extra_fields",
                          "sensor.ring_bulk_size_kb", "log_level"})
    CHECK_MESSAGE(is_known(key), key);
}
