// Response rules: what may be written, what becomes of it, and what is told of mistakes.
#include <doctest/doctest.h>

#include "agent/base/condition_id.h"
#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

std::string response_yaml(const std::string& action, const std::string& condition = "rule.name = R",
                          const std::string& more = "") {
  return "- rule: Act\n  desc: d\n  condition: " + yaml_quoted(condition) + "\n  action: " + action + "\n" + more;
}

Loaded with_rule(const std::string& text) {
  return load(rule_yaml("evt.type = execve") + text);
}

Action action_of(const std::string& action) {
  const Loaded loaded = with_rule(response_yaml(action));
  REQUIRE_MESSAGE(loaded.rules->responses().size() == 1, loaded.diagnostics.render_all());
  CHECK_MESSAGE(loaded.diagnostics.all().empty(), loaded.diagnostics.render_all());
  return loaded.rules->responses().front().action;
}

// The error as a person sees it.
std::string refusal_of(const std::string& action) {
  const Loaded loaded = with_rule(response_yaml(action));
  CHECK(loaded.rules->responses().empty());
  CHECK(loaded.rules->size() == 1);  // the rule beside it stays
  CHECK(loaded.skipped == std::vector<std::string>{"Act"});
  REQUIRE(loaded.diagnostics.errors() > 0);
  const std::string text = loaded.diagnostics.render_all();
  CHECK_MESSAGE(has(text, "rules.yaml:9:"), text);  // where `action:` is
  return text;
}

}  // namespace

TEST_CASE("responses: every action, with its defaults") {
  using enum ActionType;
  CHECK(action_of("{type: kill, target: process}") == Action{});
  CHECK(action_of("{type: kill}") == Action{});
  CHECK(action_of("{type: kill, target: tree}").target == ActionTarget::kTree);
  CHECK(action_of("{type: kill, target: container}").target == ActionTarget::kContainer);
  for (const char* word : {"SIGTERM", "TERM", "15", "sigterm"}) {
    const Action action = action_of(std::string("{type: signal, signal: ") + word + "}");
    CHECK(action == Action{.type = kSignal, .signal = 15});
  }
  CHECK(action_of("{type: suspend, timeout: 10m}") == Action{.type = kSuspend, .timeout_ms = 600'000});
  CHECK(action_of("{type: suspend}").timeout_ms == 0);
  CHECK(action_of("{type: suspend, timeout: 0}").timeout_ms == 0);
  CHECK(action_of("{type: isolate}") == Action{.type = kIsolate, .target = ActionTarget::kContainer});
  CHECK(action_of("{type: isolate, target: process, timeout: 1h}") ==
        Action{.type = kIsolate, .timeout_ms = 3'600'000});
  CHECK(action_of("{type: block}") == Action{.type = kBlock, .timeout_ms = 600'000, .address = "fd.rip"});
  CHECK(action_of("{type: block, address: fd.sip, timeout: 0}") == Action{.type = kBlock, .address = "fd.sip"});
  CHECK(action_of("{type: block, timeout: 720h}").timeout_ms == kResponseTimeoutMsMax);
  CHECK(action_of("{type: quarantine}") == Action{.type = kQuarantine});
  CHECK(action_of("{type: quarantine, file: fd}").file == ActionFile::kFd);
  CHECK(action_of("{type: exec, program: [/bin/tell, \"a b\", '3']}") ==
        Action{.type = kExec, .timeout_ms = 30'000, .program = {"/bin/tell", "a b", "3"}});
}

TEST_CASE("responses: a mistake in an action is told with its place and the way out, and leaves the response out") {
  const std::pair<const char*, const char*> cases[] = {
      {"{type: kil}", "did you mean 'kill'?"},
      {"{target: process}", "'action' has no 'type'"},
      {"kill", "'action' is not a map"},
      {"{type: kill, targt: process}", "did you mean 'target'?"},
      {"{type: kill, target: proces}", "did you mean 'process'?"},
      {"{type: kill, timeout: 10m}", "action kill has no key 'timeout'"},
      {"{type: signal, signal: TERM, target: container}", "action signal has no target 'container'"},
      {"{type: signal}", "action signal has no 'signal'"},
      {"{type: signal, signal: SIGFOO}", "there is no signal 'SIGFOO'"},
      {"{type: signal, signal: 65}", "there is no signal '65'"},
      {"{type: signal, signal: 0}", "there is no signal '0'"},
      {"{type: suspend, timeout: 10}", "a number and a unit"},
      {"{type: suspend, timeout: 721h}", "up to 720h"},
      {"{type: isolate, target: tree}", "action isolate has no target 'tree'"},
      {"{type: block, address: proc.name}", "a field that holds an address, not 'proc.name'"},
      {"{type: block, address: fd.sipp}", "did you mean 'fd.sip'?"},
      {"{type: block, address: fd.ip}", "not 'fd.ip'"},  // either end: which one is not said
      {"{type: quarantine, file: image}", "'file' of action is exe or fd"},
      {"{type: exec, program: /bin/tell}", "there is no shell"},
      {"{type: exec, program: []}", "there is no shell"},
      {"{type: exec, program: [tell]}", "is not absolute"},
      {"{type: exec, program: [/bin/tell], timeout: 0}", "up to 1h"},
      {"{type: exec, timeout: 3s}", "'program' of action is a list"},
      {"{type: kill, type: kill}", "given twice"}};
  for (const auto& [given, wanted] : cases) {
    const std::string action = given;
    CAPTURE(action);
    const std::string text = refusal_of(action);
    CHECK_MESSAGE(has(text, wanted), text);
  }
}

TEST_CASE("responses: keys of the item") {
  Loaded loaded = with_rule(response_yaml("{type: kill}", "rule.name = R"));
  REQUIRE(loaded.rules->responses().size() == 1);
  const Response plain = loaded.rules->responses().front();
  CHECK(plain.name == "Act");
  CHECK(plain.description == "d");
  CHECK(plain.condition == "rule.name = R");
  CHECK(plain.enabled);
  CHECK(!plain.dry_run);
  CHECK(plain.budget_per_min == 10);
  CHECK(plain.position.line == 6);
  loaded = with_rule(
      response_yaml("{type: kill}", "rule.name = R", "  enabled: false\n  dry_run: true\n  budget_per_min: 3\n"));
  const Response& other = loaded.rules->responses().front();
  CHECK(!other.enabled);
  CHECK(other.dry_run);
  CHECK(other.budget_per_min == 3);
  CHECK(has(with_rule(response_yaml("{type: kill}", "rule.name = R", "  dry-run: true\n")).diagnostics.render_all(),
            "did you mean 'dry_run'?"));
  for (const char* wrong : {"  budget_per_min: -1\n", "  budget_per_min: many\n", "  dry_run: perhaps\n"})
    CHECK(with_rule(response_yaml("{type: kill}", "rule.name = R", wrong)).rules->responses().empty());
  CHECK(has(errors_of(with_rule("- rule: Act\n  action: {type: kill}\n")), "no mapping for key 'condition'"));
  CHECK(load("- {rule: k, condition: rule.source = syscall, action: {type: kill}}\n").rules->responses().size() == 1);
}

TEST_CASE("responses: what has output and priority is a detection, as for Falco; strict knows no responses") {
  Loaded loaded = load(rule_yaml("evt.type = execve") + "  action: {type: kill}\n");
  CHECK(loaded.rules->responses().empty());
  CHECK(loaded.rules->size() == 1);
  CHECK(has(warnings_of(loaded), "Unknown key 'action'"));
  loaded = load(response_yaml("{type: kill}"), plain_options(true));
  CHECK(!loaded.rules);
  CHECK(has(errors_of(loaded), "no mapping for key 'output'"));
  CHECK(has(errors_of(load(rule_yaml("evt.type = execve", "o", "Act") + response_yaml("{type: kill}"))),
            "a detection has the name 'Act', too"));
}

TEST_CASE("responses: append, override and the switch change one that is there") {
  auto changed = [](const std::string& more) {
    const Loaded loaded = with_rule(response_yaml("{type: kill}") + more);
    REQUIRE_MESSAGE(loaded.diagnostics.errors() == 0, loaded.diagnostics.render_all());
    REQUIRE(loaded.rules->responses().size() == 1);
    return loaded.rules->responses().front();
  };
  CHECK(!changed("- rule: Act\n  enabled: false\n").enabled);
  CHECK(changed("- {rule: Act, dry_run: true, override: {dry_run: replace}}\n").dry_run);
  CHECK(changed("- {rule: Act, condition: and proc.name = x, override: {condition: append}}\n").condition ==
        "rule.name = R and proc.name = x");
  CHECK(changed("- {rule: Act, condition: and proc.name = x, append: true}\n").condition ==
        "rule.name = R and proc.name = x");
  CHECK(changed("- {rule: Act, action: {type: suspend}, override: {action: replace}}\n").action.type ==
        ActionType::kSuspend);
  CHECK(changed("- {rule: Act, budget_per_min: 2, override: {budget_per_min: replace}}\n").budget_per_min == 2);
  CHECK(changed(response_yaml("{type: quarantine}")).action.type == ActionType::kQuarantine);
  auto refused = [](const std::string& more) {
    const Loaded loaded = with_rule(response_yaml("{type: kill}") + more);
    CHECK(loaded.rules->responses().size() == 1);  // as it was
    CHECK(loaded.rules->responses().front().action == Action{});
    CHECK(loaded.skipped.empty());
    return loaded.diagnostics.render_all();
  };
  CHECK(has(refused("- {rule: Act, action: {type: quit}, override: {action: replace}}\n"), "no action 'quit'"));
  CHECK(has(refused("- {rule: Act, action: {type: kill}, override: {action: append}}\n"), "cannot be appended"));
  CHECK(has(refused("- {rule: Act, desc: d}\n"), "no mapping for key 'action'"));
  CHECK(has(errors_of(with_rule("- {rule: Act, action: {type: kill}, override: {action: replace}}\n")),
            "there is no response 'Act' to change"));
}

TEST_CASE("responses: rules that are not there or are off are told of") {
  auto told = [](const std::string& condition, const std::string& rule_more = "") {
    return load(rule_yaml("evt.type = execve", "o", "Reverse Shell") + rule_more +
                response_yaml("{type: kill}", condition))
        .diagnostics.render_all();
  };
  CHECK(told("rule.name = \"Reverse Shell\"").empty());
  CHECK(has(told("rule.name = \"Reverse Shel\""), "did you mean 'Reverse Shell'?"));
  CHECK(has(told("rule.name in (a, \"Reverse Shell\")"), "no rule 'a' is loaded"));
  CHECK(has(told("not rule.name = b"), "no rule 'b' is loaded"));
  CHECK(has(told("rule.name = \"Reverse Shell\"", "  enabled: false\n"), "is off, so there will be no such alert"));
  CHECK(told("not rule.name = \"Reverse Shell\"", "  enabled: false\n").empty());
  CHECK(has(told("rule.name = \"Tiercel internal: gap\""), "there is no event to respond to"));
  CHECK(told("rule.name != \"Tiercel internal: gap\"").empty());
  const Loaded broken = load(rule_yaml("evt.nun > 0") + response_yaml("{type: kill}"));
  CHECK(has(broken.diagnostics.render_all(), "it is left out because of its mistakes"));
}

TEST_CASE("responses: rule.* belongs to conditions over alerts") {
  for (const char* condition : {"rule.name = x", "rule.priority >= WARNING", "rule.tags intersects (a)"}) {
    const Loaded loaded = load(rule_yaml(condition));
    CHECK(loaded.rules->size() == 0);
    const std::string text = loaded.diagnostics.render_all();
    CHECK_MESSAGE(has(text, "nonexistent field rule."), text);
    CHECK_MESSAGE(has(text, "for conditions of responses (rules with `action:`) and of outputs"), text);
    CHECK(has(condition_errors(condition), "nonexistent field rule."));
  }
  CHECK(!errors_of(load(rule_yaml("evt.type = execve", "%rule.name"))).empty());
  CHECK(!has(load(rule_yaml("rule.nam = x")).diagnostics.render_all(), "did you mean 'rule.name'?"));
  auto errors = [](const std::string& condition) {
    return with_rule(response_yaml("{type: kill}", condition)).diagnostics.render_all();
  };
  CHECK(has(errors("rule.nam = x"), "did you mean 'rule.name'?"));
  CHECK(has(errors("rule.priority >= WARNIN"), "did you mean 'warning'?"));
  CHECK(has(errors("rule.priority >= "), "expected a priority after '>='"));
  CHECK(has(errors("rule.priority = urgent"), "'urgent' is not a priority"));
  CHECK(has(errors("rule.priority contains WARN"), "operator not supported"));
  CHECK(has(errors("rule.tags = T1496"), "operator not supported for list"));
  CHECK(has(errors("rule.tags in (T1496)"), "to ask for one of them: rule.tags intersects"));
  CHECK(has(errors("undefined_macro"), "Undefined macro"));
  CHECK(has(errors("rule.name = R and"), "rules.yaml:8:"));
  CHECK(has(errors("proc.nam = x"), "did you mean 'proc.name'?"));
}

TEST_CASE("outputs' conditions: macros and lists of the rule files, and mistakes in their own text") {
  LoadOptions options = plain_options();
  options.output_conditions = {{"tiercel.yaml: outputs[0].config.condition", "severe and proc.name in (shells)"}};
  const std::string shared = "- macro: severe\n  condition: rule.priority >= ERROR\n- list: shells\n  items: [sh]\n";
  Loaded loaded = load(shared + rule_yaml("evt.type = execve"), options);
  CHECK_MESSAGE(loaded.diagnostics.all().empty(), loaded.diagnostics.render_all());
  CHECK(loaded.rules->verdicts().parts().outputs ==
        std::vector<uint64_t>{tiercel::condition_id(" severe and proc.name in (shells)\n")});
  CHECK(loaded.rules->fields_read().contains("proc.name"));
  loaded = load(rule_yaml("evt.type = execve"), options);
  const std::string text = loaded.diagnostics.render_all();
  CHECK_MESSAGE(has(text, "tiercel.yaml: outputs[0].config.condition:1:1: error: Undefined macro 'severe'"), text);
  CHECK_MESSAGE(has(text, "severe and proc.name in (shells)\n"), text);  // the line itself
  CHECK(loaded.rules->size() == 1);
  CHECK(loaded.rules->verdicts().parts().outputs.empty());
}

TEST_CASE("condition_id: blanks around it do not count, nothing is 0, and it is what the spool has") {
  using tiercel::condition_id;
  CHECK(condition_id("") == 0);
  CHECK(condition_id(" \n\t") == 0);
  CHECK(condition_id(" a = b\n") == condition_id("a = b"));
  CHECK(condition_id("a = b") != condition_id("a = c"));
  CHECK(condition_id("a") == 0xaf63dc4c8601ec8cull);  // FNV-1a's own example
}
