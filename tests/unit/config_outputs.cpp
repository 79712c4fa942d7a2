#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "agent/config/load.h"
#include "agent/config/output_names.h"

using namespace tiercel;
using namespace tiercel::config;

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

}  // namespace

TEST_CASE("config: outputs of services, with all their keys") {
  const Config config = good(R"(
outputs:
  - type: slack
    config: {name: people, webhook_url_file: /run/secrets/hook, fold_window_s: 90, ca_file: /ca, condition: rule.name = X}
  - type: slack
    config: {webhook_url: "${HOOK}"}
  - type: slack
    config: {webhook_url: "https://hooks.slack.com/b"}
  - type: aws_security_hub
    config: {region: eu-west-1, account: "012345678901", endpoint: "https://e/p", profile: p, format: ocsf}
  - type: http_output
    config: {url: "http://h:2801/", headers: {Authorization: "Bearer ${HOOK}", X-A: b}, timeout_ms: 5000,
             ca_file: /ca, client_certificate: /c, client_key: /k}
  - type: syslog
    config: {address: "tls://logs:6514", facility: local3, ca_file: /ca, format: json}
  - type: program
    config: {program: [/bin/page, --team, x]}
  - type: program
    config: {program: /bin/mail, name: slack-2}
  - type: file
)",
                             with({{"HOOK", "https://hooks.slack.com/a"}}));
  const std::vector<Output>& outputs = config.outputs;
  CHECK(output_names(outputs) == std::vector<std::string>{"people", "slack", "slack-3", "aws_security_hub",
                                                          "http_output", "syslog", "program", "slack-2",
                                                          "file /var/log/tiercel/alerts.json"});
  CHECK(outputs[0].condition == "rule.name = X");
  CHECK(std::get<SlackOutput>(outputs[0].to) == SlackOutput{Secret(), "/run/secrets/hook", 90, {"/ca"}});
  CHECK(std::get<SlackOutput>(outputs[1].to).webhook_url.reveal() == "https://hooks.slack.com/a");
  CHECK(std::get<SecurityHubOutput>(outputs[3].to) ==
        SecurityHubOutput{"eu-west-1", "012345678901", "https://e/p", "p", SecurityHubOutput::Format::kOcsf});
  const auto& http = std::get<HttpOutput>(outputs[4].to);
  CHECK(http.headers[0] == std::pair(std::string("Authorization"), Secret("Bearer https://hooks.slack.com/a")));
  CHECK(http.tls == Tls{"/ca", "/c", "/k"});
  CHECK(http.timeout_ms == 5'000);
  CHECK(std::get<SyslogOutput>(outputs[5].to) ==
        SyslogOutput{SyslogOutput::Format::kJson, "tls://logs:6514", "local3", {"/ca"}});
  CHECK(std::get<ProgramOutput>(outputs[6].to).program == std::vector<std::string>{"/bin/page", "--team", "x"});
  CHECK(std::get<ProgramOutput>(outputs[7].to).program == std::vector<std::string>{"/bin/mail"});
}

TEST_CASE("config: mistakes in outputs of services, without their secrets") {
  const auto of = [](const std::string& type, const std::string& config) {
    const std::string said = bad("outputs:\n  - type: " + type + "\n    config: {" + config + "}\n");
    CHECK(said.find("SECRET") == std::string::npos);
    return said;
  };
  CHECK(has(of("slack", ""), "outputs[0].config needs a webhook_url or a webhook_url_file"));
  CHECK(
      has(of("slack", "webhook_url: SECRET"), "outputs[0].config.webhook_url must be a URL, from http:// or https://"));
  CHECK(has(of("slack", "webhook_url: 'https:///SECRET'"), "must be a URL"));
  CHECK(has(of("slack", "webhook_url: 'https://h/SECRET x'"), "must be a URL"));
  CHECK(has(of("slack", "webhook_url: '${NOT_SET}'"), "webhook_url is empty"));
  CHECK(has(of("slack", "webhook_url: 'https://h/SECRET', webhook_url_file: /f"),
            "has both webhook_url and webhook_url_file"));
  CHECK(has(of("slack", "webhook_url: 'https://h/SECRET', webhok: 1"), "unknown key 'webhok'"));
  CHECK(has(of("slack", "webhook_url: 'https://h/SECRET', name: 'a b'"), "name must be 1 to 40 letters"));
  CHECK(has(of("slack", "webhook_url: 'https://h/SECRET', name: wazuh"), "is what the managers are called"));
  CHECK(has(of("http_output", "url: 'ftp://SECRET'"), "outputs[0].config.url must be a URL"));
  CHECK(has(of("http_output", "url: 'http://h', headers: {'a b': SECRET}"), "is no name of a header"));
  CHECK(has(of("http_output", "url: 'http://h', headers: {a: \"SECRET\\r\\nX: y\"}"), "must be one line of text"));
  CHECK(has(of("http_output", "url: 'http://h', headers: [SECRET]"), "must be a map of names and values"));
  CHECK(
      has(of("http_output", "url: 'http://h', client_key: /k"), "has a client_key, and needs its client_certificate"));
  CHECK(has(of("aws_security_hub", "region: 'US East'"), "must be a region's code"));
  CHECK(has(of("aws_security_hub", "account: 123"), "must be an account's 12 digits"));
  CHECK(has(of("aws_security_hub", "format: ocsf"), "needs an endpoint that takes it"));
  CHECK(has(of("syslog", "address: 'ftp://h:1'"), "outputs[0].config.address is no address"));
  CHECK(has(of("syslog", "address: 'udp://h:514', facility: local9"), "facility must be one of kern"));
  CHECK(has(of("syslog", "facility: local1"), "has a facility, which goes with an address"));
  CHECK(has(of("syslog", "address: 'tcp://h:514', ca_file: /c"), "has keys of TLS"));
  CHECK(has(of("program", ""), "needs a program: its whole path"));
  CHECK(has(of("program", "program: cat"), "needs a program: its whole path"));
  CHECK(has(bad("outputs:\n- {type: stdout, config: {name: a}}\n- {type: file, config: {name: a}}\n"),
            "t.yaml:3:10: error: outputs: two have the name a"));
}
