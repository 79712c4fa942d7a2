// What the kernel may decide by itself, and the reason where it may not. That its verdicts are the engine's is compared
// in tests/kernel/verdict_test.cpp.
#include <doctest/doctest.h>

#include "agent/rule/exact.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

using Grade = KernelCondition::Grade;

const std::string kKill = "- rule: Kill\n  desc: d\n  condition: rule.name = R\n  action: {type: kill}\n";

std::string start(const std::string& condition, std::string_view name = "R") {
  return rule_yaml("evt.type in (execve, execveat) and " + condition, "out", name);
}

KernelCondition of(const std::string& text, Matching matching = Matching::kFirst) {
  LoadOptions options = plain_options();
  options.matching = matching;
  const Loaded loaded = load(text, options);
  REQUIRE_MESSAGE(loaded.rules, loaded.diagnostics.render_all());
  REQUIRE_MESSAGE(loaded.rules->responses().size() == 1, loaded.diagnostics.render_all());
  KernelCondition out = kernel_condition(*loaded.rules, 0);
  CHECK((out.grade == Grade::kNone) == out.program.empty());
  for (size_t at = 0; at < out.program.size(); ++at)
    for (const unsigned edge : {out.program[at].yes, out.program[at].no})
      CHECK((edge == COND_HIT || edge == COND_MISS || (edge > at && edge < out.program.size())));
  return out;
}

KernelCondition of_condition(const std::string& condition) {
  return of(start(condition) + kKill);
}

void check_none(const KernelCondition& got, const char* why) {
  CHECK(got.grade == Grade::kNone);
  CHECK_MESSAGE(has(got.reason, why), got.reason);
}

}  // namespace

TEST_CASE("exact: what the kernel knows is decided there") {
  for (const char* condition :
       {"container.id != host and proc.name in (xmrig, minerd)", "proc.name = xmrig", "not proc.name = sh",
        "proc.exepath = /usr/bin/xmrig and user.uid < 1000", "proc.exe != sh or user.loginuid = -1",
        "evt.failed = false and evt.res = SUCCESS and proc.name = x", "proc.is_exe_upper_layer = true",
        "proc.name = x and container.id exists"}) {
    CAPTURE(condition);
    const KernelCondition got = of_condition(condition);
    CHECK(got.grade == Grade::kExact);
    CHECK(got.reason.empty());
    CHECK(got.rules == std::vector<std::string>{"R"});
    CHECK(got.signal == 9);
  }
}

TEST_CASE("exact: in part where the rest is enough, and not at all where it is not") {
  const KernelCondition part = of_condition("(proc.name in (xmrig, minerd) or proc.cmdline contains stratum)");
  CHECK(part.grade == Grade::kSufficient);
  CHECK_MESSAGE(has(part.reason, "proc.cmdline contains"), part.reason);
  CHECK_MESSAGE(has(part.reason, "judged in user space"), part.reason);
  CHECK(part.texts.size() == 2);
  CHECK(of_condition("(proc.name = x or not proc.args contains y)").grade == Grade::kSufficient);
  check_none(of_condition("proc.name = nc and proc.args contains -e"), "proc.args contains");
  check_none(of_condition("proc.name = nc and not proc.args contains -e"), "proc.args contains");
  check_none(of_condition("container.id = host and proc.name = x"), "holds for no start in a container");
  check_none(of_condition("proc.exepath = /" + std::string(250, 'x')), "judged in user space");
  check_none(of_condition("proc.name = sixteen-bytes-xx"), "holds for no start in a container");
  check_none(of(rule_yaml("evt.type = openat and proc.name = x") + kKill), "other events than starts");
}

TEST_CASE("exact: rules before it, rules that count, and other actions") {
  const std::string mine = start("proc.name = xmrig");
  // What an earlier rule takes is known, or is not.
  CHECK(of(start("proc.name = mount", "Mount") + mine + kKill).grade == Grade::kExact);
  CHECK(of(start("proc.name = mount and proc.args contains x", "Mount") + mine + kKill).grade == Grade::kSufficient);
  check_none(of(start("proc.args contains x", "Early") + mine + kKill), "\"Early\" comes before \"R\"");
  CHECK(of(start("proc.args contains x", "Early") + mine + kKill, Matching::kAll).grade == Grade::kExact);
  CHECK(of(rule_yaml("evt.type = openat", "out", "Other") + mine + kKill).grade == Grade::kExact);
  CHECK(of(mine + start("proc.args contains x", "Late") + kKill).grade == Grade::kExact);
  check_none(of(mine + "  threshold: {count: 3, timespan: 10s}\n" + kKill), "counts");
  const std::string act = "- rule: Act\n  desc: d\n  condition: rule.name = R\n";
  check_none(of(mine + act + "  action: {type: kill, target: tree}\n"), "tree");
  check_none(of(mine + act + "  action: {type: quarantine}\n"), "quarantine");
  check_none(of(mine + act + "  action: {type: signal, signal: TERM}\n"), "SIGKILL");
  CHECK(of(mine + act + "  action: {type: signal, signal: KILL}\n").grade == Grade::kExact);
  check_none(of(mine + act + "  action: {type: kill}\n  enabled: false\n"), "it is off");
}

TEST_CASE("exact: the response's own condition counts") {
  const std::string mine = start("proc.name = xmrig");
  auto asked = [&](const std::string& condition) {
    return of(mine + "- rule: Act\n  desc: d\n  condition: " + condition + "\n  action: {type: kill}\n");
  };
  CHECK(asked("rule.priority = WARNING").grade == Grade::kExact);
  CHECK(asked("rule.name = R and user.uid = 0").grade == Grade::kExact);
  check_none(asked("rule.name = R and proc.args contains x"), "proc.args contains");
  CHECK(asked("rule.name = R and (user.uid = 0 or proc.args contains x)").grade == Grade::kSufficient);
  check_none(asked("rule.priority = ERROR"), "no active rule asks");
}

TEST_CASE("exact: an executable that was deleted is found under both of its names") {
  const KernelCondition got = of_condition("proc.exepath = /tmp/x");
  REQUIRE(got.texts.size() == 2);
  CHECK(std::string(got.texts[0].text) == "/tmp/x");
  CHECK(std::string(got.texts[1].text) == "/tmp/x (deleted)");
}
