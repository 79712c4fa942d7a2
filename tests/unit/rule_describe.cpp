// Descriptions (Falco's details resolver: check-list B28), and why a condition holds.
#include <doctest/doctest.h>

#include <algorithm>

#include "agent/rule/describe.h"
#include "agent/rule/parser.h"
#include "agent/rule/why.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;
using tiercel::context::PathView;
using Set = std::set<std::string>;

namespace {

Loaded described(const std::string& text, bool all = false) {
  LoadOptions options = plain_options();
  options.describe = true;
  if (all) options.matching = Matching::kAll;
  Loaded loaded = load(text, options);
  REQUIRE(loaded.rules);
  REQUIRE(loaded.description);
  return loaded;
}

constexpr const char* kFile = R"(
- required_engine_version: 0.31.0
- required_engine_version: 40
- required_plugin_versions:
    - name: container
      version: 0.2.0
      alternatives:
        - name: k8smeta
          version: 0.1.0
- list: shells
  items: [bash, sh]
- list: programs
  items: [shells, vim]
- list: lonely
  items: []
- macro: started
  condition: evt.type in (execve, execveat)
- macro: shell_started
  condition: started and proc.name in (shells)
- macro: nobody
  condition: evt.num = 0
- rule: R
  desc: d
  condition: shell_started and (proc.args contains -i or proc.aname[2] = sshd or tolower(proc.exe) = x) and not proc.pname in (programs, x)
  output: by %user.name %proc.name
  priority: WARNING
  tags: [b, a]
  exceptions:
    - name: one
      fields: [proc.name, fd.name]
      comps: [=, startswith]
      values:
        - [bash, /tmp]
    - name: two
      fields: proc.cwd
)";

std::string deciding_of(const std::string& condition, const tiercel::context::Event& event) {
  const Loaded loaded = described(rule_yaml(condition));
  std::string out;
  for (const Why& why : WhyJudge(loaded.description->rules.front()).judge(event))
    for (const WhyNode* test : why.deciding()) out += (out.empty() ? "" : "; ") + test->text + "=" + test->value;
  return out;
}

}  // namespace

TEST_CASE("B28: fields, operators, events, macros and lists of a condition, before and after its macros") {
  const Loaded loaded = described(kFile);
  REQUIRE(errors_of(loaded).empty());
  const RuleDescription& rule = *loaded.description->rule("R");
  CHECK(rule.written.macros == Set{"shell_started"});
  CHECK(rule.written.lists == Set{"programs"});
  CHECK(rule.written.fields == Set{"proc.args", "proc.aname[2]", "proc.exe", "proc.pname"});
  CHECK(rule.written.operators == Set{"contains", "=", "in"});
  CHECK(rule.written.events.empty());
  CHECK(rule.compiled.macros.empty());
  CHECK(rule.compiled.fields ==
        Set{"evt.type", "proc.name", "proc.args", "proc.aname[2]", "proc.exe", "proc.pname", "fd.name"});
  CHECK(rule.compiled.operators == Set{"contains", "=", "in", "startswith"});
  CHECK(rule.compiled.events == Set{"execve", "execveat"});
  CHECK(event_names_of(*rule.expanded) == std::vector<std::string>{"execve", "execveat"});
  CHECK(rule.exception_names == Set{"one", "two"});
  CHECK(rule.exception_operators == Set{"=", "startswith", "in"});
  CHECK(rule.exception_fields == std::vector<std::string>{"proc.name", "fd.name", "proc.cwd"});
}

TEST_CASE("B28: a text alone, with names that are lists or macros or neither") {
  NamedItems<ListItem> lists;
  lists.put("known_procs");
  const Details details = details_of_text(
      MappedText("(spawned_process or evt.type = open) and (proc.name icontains cat or proc.name in (known_procs, ps))",
                 {}),
      &lists);
  CHECK(details.macros == Set{"spawned_process"});
  CHECK(details.lists == Set{"known_procs"});
  CHECK(details.fields == Set{"evt.type", "proc.name"});
  CHECK(details.operators == Set{"=", "in", "icontains"});
  CHECK(details.events == Set{"open"});
  CHECK(details_of_text(MappedText("and and", {}), &lists).fields.empty());
}

TEST_CASE("macros, lists and required versions are described") {
  const Loaded loaded = described(kFile);
  const Description& d = *loaded.description;
  CHECK(d.required_engine_version == "0.40.0");
  REQUIRE(d.required_plugin_versions.size() == 1);
  CHECK(d.required_plugin_versions[0].alternatives.at(0).name == "k8smeta");
  REQUIRE(d.macros.size() == 3);
  CHECK(d.macros[1].item.name == "shell_started");
  CHECK(d.macros[1].written.macros == Set{"started"});
  CHECK(d.macros[1].written.lists == Set{"shells"});
  CHECK(to_string(*d.macros[1].expanded) == "evt.type in (execve, execveat) and proc.name in (bash, sh)");
  CHECK(d.macros[1].used);
  CHECK_FALSE(d.macros[2].used);
  REQUIRE(d.lists.size() == 3);
  CHECK(d.lists[1].lists == Set{"shells"});
  CHECK(d.lists[1].items_compiled == std::vector<std::string>{"bash", "sh", "vim"});
  CHECK(d.lists[1].used);
  CHECK_FALSE(d.lists[2].used);
}

TEST_CASE("a rule that does not load is not described, and nothing is described unasked") {
  const Loaded loaded = described(rule_yaml("proc.nam = x", "out", "A") + rule_yaml("proc.name = x", "out", "B"));
  REQUIRE(loaded.description->rules.size() == 1);
  CHECK(loaded.description->rules[0].item.name == "B");
  CHECK_FALSE(load(rule_yaml("proc.name = x")).description);
}

TEST_CASE("why: no match names the nearest way to one") {
  World world;
  world.runs("cat", {"cat", "/etc/shadow"});
  const TestEvent event = open_event(world, {.name = "/etc/shadow"});
  CHECK(deciding_of("evt.type = openat and proc.name = dog", *event) == "proc.name = dog=cat");
  CHECK(deciding_of("proc.name = dog and fd.name = /x", *event) == "proc.name = dog=cat; fd.name = /x=/etc/shadow");
  // Of two ways, the one that lacks less; another event's type is far away, and so is a value that is not there.
  CHECK(deciding_of("(proc.name = a and proc.pname = b) or proc.name = c", *event) == "proc.name = c=cat");
  CHECK(deciding_of("evt.type = execve or (proc.name = a and proc.pname = b)", *event) ==
        "proc.name = a=cat; proc.pname = b=sshd");
  CHECK(deciding_of("container.image.repository = x or proc.name = c", *event) == "proc.name = c=cat");
  CHECK(deciding_of("not (proc.name = cat and fd.name = /etc/shadow)", *event) == "proc.name = cat=cat");
  CHECK(deciding_of("not (proc.name = cat or fd.name = /etc/shadow)", *event) ==
        "proc.name = cat=cat; fd.name = /etc/shadow=/etc/shadow");
}

TEST_CASE("why: a match names what made it") {
  World world;
  world.runs("cat", {"cat", "/etc/shadow"});
  const TestEvent event = open_event(world, {.name = "/etc/shadow"});
  CHECK(deciding_of("proc.name = cat and fd.name startswith /etc and not proc.pname = x", *event) ==
        "proc.name = cat=cat; fd.name startswith /etc=/etc/shadow");
  CHECK(deciding_of("proc.name = x or proc.name = cat", *event) == "proc.name = cat=cat");
  CHECK(deciding_of("not proc.name = x", *event) == "proc.name = x=cat");
}

TEST_CASE("why: macros and exceptions are named, and the tree has the condition's shape") {
  World world;
  world.runs("bash", {"bash", "-i"});
  const TestEvent event = exec_event(world);
  const Loaded loaded = described(kFile);
  WhyJudge judge(*loaded.description->rule("R"));
  const std::vector<Why> whys = judge.judge(*event);
  REQUIRE(whys.size() == 1);
  const WhyNode& tree = whys[0].tree;
  CHECK(tree.kind == WhyNode::Kind::kAnd);
  CHECK(tree.children.back().macro == "exception one");
  const WhyNode& body = tree.children.front();
  CHECK(body.children.front().macro == "shell_started");
  CHECK(body.children.front().children.front().macro == "started");
  CHECK(body.children.front().children.front().about_type);
  CHECK(body.children.front().children.front().position.line == 17);
  CHECK(whys[0].matches());
}

TEST_CASE("why: a value that is not there says so; both sides of val()") {
  World world;
  const TestEvent event = exec_event(world);
  const Loaded loaded = described(rule_yaml("container.image.repository = x or proc.name = val(proc.pname)"));
  const Why why = WhyJudge(loaded.description->rules.front()).judge(*event).front();
  CHECK(why.tree.children[0].missing);
  CHECK(why.tree.children[0].value.empty());
  CHECK(why.tree.children[1].right == "proc.pname");
  CHECK(why.tree.children[1].right_value == "sshd");
  CHECK(why.tree.children[1].value == "bash");
}

TEST_CASE("why: an event with two paths is judged with each") {
  World world;
  const TestEvent event = open_event(world, {.name = "/tmp/link", .realpath = "/etc/shadow"});
  const Loaded loaded = described(rule_yaml("fd.name = /etc/shadow"));
  const std::vector<Why> whys = WhyJudge(loaded.description->rules.front()).judge(*event);
  REQUIRE(whys.size() == 2);
  CHECK_FALSE(whys[0].matches());
  CHECK(whys[0].tree.value == "/tmp/link");
  CHECK(whys[1].matches());
  CHECK(whys[1].view == PathView::kKernel);
  CHECK(whys[1].tree.value == "/etc/shadow");
  const Loaded other = described(rule_yaml("proc.name = bash"));
  CHECK(WhyJudge(other.description->rules.front()).judge(*event).size() == 1);
}

// The tree is evaluated in another order than the program: over Falco's own rules both come to the same verdict.
TEST_CASE("why: the tree's verdict is the engine's") {
  const auto folder = shared_dir() / "data" / "falco-rules";
  if (shared_dir().empty()) return;
  LoadOptions options = plain_options();
  options.describe = true;
  options.matching = Matching::kAll;
  const Loaded loaded = load_paths({folder.string(), (source_dir() / "rules").string()}, options);
  REQUIRE(loaded.rules);
  REQUIRE(loaded.description->rules.size() == loaded.rules->size());
  Matcher matcher(loaded.rules);
  size_t matches = 0, verdicts = 0;
  auto compare = [&](const TestEvent& event) {
    std::set<RuleId> matched;
    for (const Match& match : matcher.match(*event)) matched.insert(match.rule);
    for (const RuleDescription& rule : loaded.description->rules) {
      const RuleId id = *loaded.rules->find(rule.item.name);
      if (!loaded.rules->active(id) || rule.item.threshold) continue;  // a rule that counts does not fire each time
      CAPTURE(rule.item.name);
      const std::vector<Why> whys = WhyJudge(rule).judge(*event);
      const bool holds = std::any_of(whys.begin(), whys.end(), [](const Why& why) { return why.matches(); });
      CHECK(holds == matched.contains(id));
      for (const Why& why : whys) {
        CHECK(why.distance > 0);
        CHECK_FALSE(why.deciding().empty());
      }
      ++verdicts;
    }
    matches += matched.size();
  };
  for (const bool container : {false, true}) {
    World world;
    if (container) world.in_container();
    compare(exec_event(world));
    world.runs("xmrig", {"xmrig", "-o", "stratum+tcp://x"});
    compare(exec_event(world));
    compare(open_event(world, {.name = "/etc/shadow"}));
    compare(open_event(world, {.name = "/tmp/x", .realpath = "/etc/shadow"}));
    compare(open_event(world, {.name = "/root/.ssh/authorized_keys", .flags = O_WRONLY | O_CREAT}));
    compare(sock_event(world));
    compare(sock_event(world, {.type = EVT_accept}));
    compare(mount_event(world, "/dev/sda1", "/mnt"));
    compare(setuid_event(world, 0));
  }
  CHECK(matches >= 10);
  CHECK(verdicts > 500);
}
