// A group's tiercel.yaml over the host's: what it may say, and what it may not.
#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <set>
#include <string>

#include "agent/config/load.h"

using namespace tiercel;
using namespace tiercel::config;

namespace {

std::string errors_of(const Config& host, const std::string& text) {
  Diagnostics diagnostics;
  CHECK_FALSE(lay_over(host, text, "tiercel.yaml", diagnostics));
  CHECK(diagnostics.errors() > 0);
  return diagnostics.render_all();
}

Config laid(const Config& host, const std::string& text) {
  Diagnostics diagnostics;
  const auto config = lay_over(host, text, "tiercel.yaml", diagnostics);
  INFO(diagnostics.render_all());
  REQUIRE(config);
  return *config;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Config host() {
  Config config;
  config.priority = 5;
  config.rules = {{false, "Noisy", ""}};
  config.static_fields = {{"site", "north"}};
  config.wazuh.managers = {{"manager", 1514, 1515}};
  config.outputs = {Output{FileOutput{}}};
  return config;
}

std::string top(const std::string& key) {
  return key.substr(0, key.find_first_of(".["));
}

}  // namespace

TEST_CASE("config overlay: what a group says takes the place of what the host says, key by key") {
  const Config config = laid(host(), "rules: [{enable: {tag: web}}]\nheartbeat_interval_s: 60\nlog_level: debug\n");
  CHECK(config.rules == std::vector<RuleSelection>{{true, "", "web"}});
  CHECK(config.heartbeat_interval_s == 60);
  CHECK(config.log_level == log::Level::kDebug);
  CHECK(config.priority == 5);  // the host's stays
  CHECK(config.outputs == host().outputs);
  CHECK(config.wazuh == host().wazuh);
  for (const char* nothing : {"", "# only a comment\n", "---\n"}) CHECK(laid(host(), nothing) == host());
}

TEST_CASE("config overlay: every key but those that the table marks is refused, with its place and the way out") {
  const std::set<std::string> open{"priority",
                                   "rule_matching",
                                   "rules",
                                   "static_fields",
                                   "append_output",
                                   "log_level",
                                   "heartbeat_interval_s",
                                   "json_include_output_property",
                                   "json_include_message_property",
                                   "json_include_output_fields_property",
                                   "json_include_tags_property",
                                   "time_format_iso_8601"};
  std::set<std::string> seen;
  for (const std::string& key : known_keys()) {
    if (!seen.insert(top(key)).second || open.contains(top(key))) continue;
    const std::string said = errors_of(host(), "\n" + top(key) + ": x\n");
    CHECK_MESSAGE((has(said, "tiercel.yaml:2:1: error: " + top(key) + " is not for a group to set") ||
                   has(said, "tiercel.yaml:2:1: error: " + top(key) + " is the host's own")),
                  said);
  }
  for (const std::string& key : open) CHECK(seen.contains(key));
  CHECK(has(errors_of(host(), "outputs: []\n"), "group_configuration: {allow: [outputs]}"));
  // All of the file is refused, also what it may set.
  CHECK(
      has(errors_of(host(), "priority: debug\nrules_files: [/etc/shadow]\n"), "tiercel.yaml:2:1: error: rules_files"));
}

TEST_CASE("config overlay: what the host allows, and what no host can") {
  Config open = host();
  open.group_configuration.allow = {"outputs", "containers"};
  const Config config = laid(open, "outputs: [{type: syslog}]\ncontainers: {ask_runtimes: false}\n");
  CHECK(config.outputs == std::vector<Output>{Output{SyslogOutput{}}});
  CHECK_FALSE(config.containers.ask_runtimes);
  CHECK(config.containers.docker_root == host().containers.docker_root);  // a section's other keys stay
  CHECK(has(errors_of(open, "wazuh: {agent_name: x}\n"), "wazuh is not for a group to set"));
  open.group_configuration.allow = {"group_configuration", "state_dir"};  // as no file could say it
  for (const char* own :
       {"group_configuration: {allow: [outputs]}\n", "state_dir: /x\n", "run_dir: /x\n", "host_root: /x\n"})
    CHECK(has(errors_of(open, own), "is the host's own: no group may set it"));

  Diagnostics diagnostics;
  CHECK_FALSE(parse("group_configuration: {allow: [group_configuration, outptus]}\n", "host.yaml", diagnostics));
  const std::string said = diagnostics.render_all();
  CHECK(has(said, "group_configuration.allow must be"));
  CHECK(has(said, "did you mean outputs?"));
  const auto good = parse("group_configuration: {enabled: no, allow: [outputs, wazuh]}\n", "host.yaml", diagnostics);
  REQUIRE(good);
  CHECK_FALSE(good->group_configuration.enabled);
  CHECK(good->group_configuration.allow == std::vector<std::string>{"outputs", "wazuh"});
}

TEST_CASE("config overlay: no variable of the host's environment gets into a group's configuration") {
  REQUIRE(::setenv("TIERCEL_TEST_SECRET", "s3cret", 1) == 0);
  for (const char* text :
       {"static_fields: {a: \"${TIERCEL_TEST_SECRET}\"}\n", "static_fields: {a: \"x${UNSET_ONE}\"}\n",
        "static_fields: {a: \"$${A${TIERCEL_TEST_SECRET}}\"}\n"}) {
    const std::string said = errors_of(host(), text);
    CHECK(has(said, "tiercel.yaml:1:20: error: ${...} stands for a variable"));
    CHECK_FALSE(has(said, "s3cret"));
  }
  CHECK(laid(host(), "static_fields: {a: \"$${TIERCEL_TEST_SECRET} $HOME\"}\n").static_fields[0].value ==
        "${TIERCEL_TEST_SECRET} $HOME");
  ::unsetenv("TIERCEL_TEST_SECRET");
}

TEST_CASE("config overlay: mistakes as in any configuration, and bounds") {
  CHECK(has(errors_of(host(), "prioritty: debug\n"), "did you mean priority?"));
  CHECK(has(errors_of(host(), "priority: debug\npriority: info\n"), "written twice"));
  CHECK(has(errors_of(host(), "priority: [\n"), "not YAML"));
  CHECK(has(errors_of(host(), "- a\n"), "must be a map"));
  CHECK(has(errors_of(host(), std::string((1 << 20) + 1, '#')), "larger than 1048576 bytes"));
  CHECK(has(errors_of(host(),
                      "a: &a [1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
                      "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n"),
            "more than 20000 values"));
}
