// What of a configuration takes effect at a reload.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "agent/cli/status.h"
#include "agent/reload/changes.h"
#include "agent/reload/outcome.h"
#include "agent/reload/rules.h"
#include "agent/status.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::reload;
using Keys = std::vector<std::string>;

TEST_CASE("reload changes: what a reload applies, and what needs a restart, by name") {
  const config::Config running;
  CHECK(keys_that_need_a_restart(running, running).empty());
  config::Config read;
  read.rules_files = {"/elsewhere"};
  read.priority = 3;
  read.rule_matching = config::RuleMatching::kAll;
  read.append_output.clear();
  read.rules = {{false, "*", ""}};
  read.watch_config_files = false;
  read.heartbeat_interval_s = 5;
  read.sensor.procinfo_interval_s = 1;
  read.log_level = log::Level::kDebug;
  CHECK(keys_that_need_a_restart(running, read).empty());
  CHECK(applied(running, read) == read);

  read.outputs = {config::Output{config::FileOutput{}}};
  read.sensor.ring_bulk_size_kb = 64;
  read.wazuh.agent_name = "other";
  read.state_dir = "/other";
  CHECK(keys_that_need_a_restart(running, read) == Keys{"outputs", "wazuh", "sensor", "state_dir"});
  const config::Config now = applied(running, read);
  CHECK(now.outputs == running.outputs);
  CHECK(now.sensor == config::Sensor{running.sensor.ring_vital_size_kb, running.sensor.ring_bulk_size_kb, 1});
  CHECK(now.rules_files == read.rules_files);
  CHECK(keys_that_need_a_restart(now, read).size() == 4);  // until it is restarted
}

TEST_CASE("reload changes: every key of the file is one or the other") {
  // One change of each member; a member that neither side knows comes out as "others".
  config::Config read;
  read.json_output = true;
  read.json_include_output_property = false;
  read.json_include_message_property = true;
  read.json_include_output_fields_property = false;
  read.json_include_tags_property = false;
  read.time_format_iso_8601 = true;
  read.run_dir = "/other";
  read.static_fields = {{"site", "north"}};
  const Keys keys = keys_that_need_a_restart({}, read);
  CHECK(keys.size() == 8);
  for (const std::string& key : keys) CHECK(key != "others");
}

TEST_CASE("reload outcome: JSON is JSON whatever a file holds, and bounded") {
  Diagnostics diagnostics;
  for (int i = 0; i < 200; ++i) diagnostics.warning({"a\xff.yaml", i, 1}, "odd \x01 \xc3", "");
  for (int i = 0; i < 30; ++i) diagnostics.error({"b.yaml", i, 1}, "bad", "");
  Outcome outcome;
  add_findings(outcome, diagnostics);
  CHECK(outcome.errors == 30);
  CHECK(outcome.warnings == 200);
  REQUIRE(outcome.findings.size() == kFindingsMax);
  size_t errors = 0;
  for (const Finding& found : outcome.findings) errors += found.diagnostic.severity == Diagnostic::Severity::kError;
  CHECK(errors == 30);
  outcome.reason = "\xfe quote \" and\nline";
  const std::string json = outcome.json();
  CHECK(json.find('\n') == std::string::npos);
  CHECK(json.find(R"("reason":"? quote \" and\nline")") != std::string::npos);
  for (unsigned char c : json) CHECK(c < 0x80);
}

TEST_CASE("reload status: a refusal that stands and keys that wait are told, in JSON and as text") {
  Status status;
  status.rules.rules = {3, 4, "0123456789abcdef"};
  CHECK(status.json().find("last_refusal") == std::string::npos);
  CHECK(cli::status_text(status.json(), false, 0).find("TROUBLE") == std::string::npos);
  status.rules.refused = 2;
  status.rules.refused_ns = 1'000'000'000;
  status.rules.refusal = "r.yaml:1:2: error: bad";
  status.rules.refusal_stands = true;
  status.rules.needs_restart = {"outputs", "sensor"};
  const std::string text = cli::status_text(status.json(), false, 0);
  CHECK(text.find("3 of 4 active") != std::string::npos);
  CHECK(text.find("digest 0123456789abcdef") != std::string::npos);
  CHECK(text.find("refused at 1970-01-01T00:00:01.") != std::string::npos);
  CHECK(text.find("those before go on: r.yaml:1:2: error: bad.") != std::string::npos);
  CHECK(text.find("changed keys: outputs, sensor") != std::string::npos);
  CHECK(text.find("\033") == std::string::npos);
  status.rules.refusal_stands = false;
  CHECK(cli::status_text(status.json(), false, 0).find("TROUBLE") == std::string::npos);
}

TEST_CASE("reload rules: a path that is not there is passed by with a warning; one that cannot be read is an error") {
  siem::test::TempDir dir;
  config::Config config;
  config.rules_files = {dir / "missing.yaml"};
  rule::Loaded loaded = load_rules(config);
  CHECK(loaded.diagnostics.errors() == 0);
  CHECK(loaded.diagnostics.warnings() == 1);
  CHECK(why_useless(loaded, config).find("missing.yaml") != std::string::npos);
  std::filesystem::create_symlink("nowhere", dir / "dangling.yaml");
  config.rules_files = {dir / "dangling.yaml"};
  loaded = load_rules(config);
  CHECK(loaded.diagnostics.errors() == 1);
  std::filesystem::create_directory(dir / "rules.d");
  REQUIRE(::mkfifo((dir / "rules.d/pipe.yaml").c_str(), 0600) == 0);  // does not wait for a writer
  config.rules_files = {dir / "rules.d"};
  loaded = load_rules(config);
  CHECK(loaded.diagnostics.errors() == 1);
}
