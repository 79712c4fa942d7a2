// Tolerant loading: every form that Falco refuses and that is taken here, with its warning and place; that what Falco
// loads keeps its meaning; and that one bad rule costs one rule.
#include <doctest/doctest.h>

#include "check_rules_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;
using tiercel::Diagnostic;

namespace {

// Strict refuses it; tolerant takes it with just these warnings.
void check_bent(const std::string& text, const std::vector<std::string>& warnings) {
  INFO(text);
  CHECK(!strict_errors(text).empty());
  const Loaded loaded = load(text, plain_options());
  CHECK_MESSAGE(errors_of(loaded).empty(), errors_of(loaded));
  CHECK(places(loaded, Diagnostic::Severity::kWarning) == warnings);
  CHECK(loaded.skipped.empty());
}

std::string with_condition(const std::string& block) {
  return "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: " + block;
}

const char* const kBend = " LOAD_WARNING_EXTENSION";

}  // namespace

TEST_CASE("rule tolerant: comments in block scalars end with their source line") {
  World world;
  const TestEvent exec = exec_event(world);
  const std::string folded = with_condition(
      ">\n    evt.type = execve and # the programs, don't forget\n    # a whole line\n    (proc.name = bash #or\n      "
      "or proc.name = \"#x\")\n");
  check_bent(folded, {std::string("6:27") + kBend, std::string("7:5") + kBend, std::string("8:23") + kBend});
  CHECK(hits(folded, *exec, false) == "r ");
  const std::string literal = with_condition(
      "|\n    evt.type = execve\n    # and proc.name = zsh\n    and proc.pname = "
      "sshd\n");
  check_bent(literal, {std::string("7:5") + kBend});
  CHECK(hits(literal, *exec, false) == "r ");
  const std::string last = with_condition(">-\n    evt.type = execve # at the end") +
                           "\n  exceptions:\n  - {name: e, "
                           "fields: proc.name, values: "
                           "[bash]}\n";
  check_bent(last, {std::string("6:23") + kBend});
  CHECK(hits(last, *exec, false).empty());
  const std::string macro =
      "- macro: m\n  condition: >\n    proc.name = bash # shell\n" + rule_item("r", "evt.type = execve and m");
  check_bent(macro, {std::string("3:22") + kBend});
  const std::string added = rule_item("r", "evt.type = execve") +
                            "- rule: r\n  append: true\n  condition: >\n    # more\n    and proc.name = bash\n";
  CHECK(hits(added, *exec, false) == "r ");
}

TEST_CASE("rule tolerant: a # that Falco takes as text stays text") {
  World world;
  world.runs("#x", {"#x"});
  for (const char* condition :
       {"\"evt.type = execve and proc.name = #x\"", "'evt.type = execve and proc.name in (a, #x)'",
        ">\n    evt.type = execve and proc.name = #x\n", "'evt.type = execve and proc.name = \"#x\"'"}) {
    CHECK_MESSAGE(load(with_condition(condition), plain_options()).diagnostics.all().empty(), condition);
    CHECK_MESSAGE(hits(with_condition(condition), *exec_event(world), false) == "r ", condition);
    CHECK_MESSAGE(hits(with_condition(condition), *exec_event(world), true) == "r ", condition);
  }
  // Wrong with and without the comment: the mistake that remains is told, at its own place.
  const std::string wrong = with_condition(">\n    evt.type = execve and # here\n    (proc.name = bash\n");
  const Loaded loaded = load(wrong, plain_options());
  CHECK(errors_of(loaded) == "LOAD_ERR_COMPILE_CONDITION expected a ')' token\n");
  CHECK(places(loaded, Diagnostic::Severity::kError)[0].starts_with("7:"));
}

TEST_CASE("rule tolerant: not after the field") {
  World world;
  const TestEvent exec = exec_event(world);
  const std::string text = rule_item("r", "evt.type = execve and proc.name not in (zsh, ksh)");
  check_bent(text, {std::string("3:46") + kBend});
  CHECK(hits(text, *exec, false) == "r ");
  CHECK(hits(rule_item("r", "evt.type = execve and proc.name not in (zsh, bash)"), *exec, false).empty());
  // `not f in` is true when f is missing; so is `f not in`.
  CHECK(hits(rule_item("r1", "evt.type = execve and fd.name not in (/x)") +
                 rule_item("r2", "evt.type = execve and not fd.name in (/x)") +
                 rule_item("r3", "evt.type = execve and fd.name not startswith /x or proc.name = none"),
             *exec, false) == "r1 r2 r3 ");
}

TEST_CASE("rule tolerant: priorities HIGH, MEDIUM and LOW") {
  for (const auto& [word, priority] : {std::pair{"HIGH", Priority::kError}, std::pair{"Medium", Priority::kWarning},
                                       std::pair{"low", Priority::kNotice}}) {
    const std::string text =
        "- {rule: r, desc: d, output: o, condition: evt.type = connect, priority: " + std::string(word) + "}\n";
    check_bent(text, {std::string("1:74") + kBend});
    CHECK(only_rule(text, false).priority == priority);
  }
  const std::string critical = "- {rule: r, desc: d, output: o, condition: evt.type = connect, priority: CRITICAL}\n";
  CHECK(only_rule(critical, false).priority == Priority::kCritical);
  CHECK(load(critical, plain_options()).diagnostics.all().empty());
}

TEST_CASE("rule tolerant: text operators on addresses and networks compare the address's text") {
  World world;
  const TestEvent event = sock_event(world);  // 10.0.0.1 to 192.168.7.9
  for (const char* condition : {"fd.sip startswith \"192.168.\"", "fd.sip startswith oneof (10., 192.)",
                                "fd.sip contains 168", "fd.sip endswith .9", "fd.sip glob 192.168.*.9",
                                "fd.sip regex \"192[.].*\"", "fd.ip startswith 10.", "fd.snet startswith 192.168."}) {
    check_bent(rule_item("r", "'evt.type = connect and " + std::string(condition) + "'"),
               {(std::string("3:") + (condition[3] == 'i'   ? "44"
                                      : condition[4] == 'n' ? "46"
                                                            : "45")) +
                kBend});
    CHECK_MESSAGE(
        hits(rule_item("r", "'evt.type = connect and " + std::string(condition) + "'"), *event, false) == "r ",
        condition);
  }
  for (const char* condition : {"fd.sip startswith 10.", "fd.ip startswith 172."})
    CHECK_MESSAGE(hits(rule_item("r", "evt.type = connect and " + std::string(condition)), *event, false).empty(),
                  condition);
  for (const char* condition : {"fd.sip > 10", "fd.sip bcontains 00"})
    CHECK_MESSAGE(!condition_errors(condition, false).empty(), condition);
}

TEST_CASE("rule tolerant: unknown fields, macros and lists in a macro's place cost one rule") {
  const std::string before = "- {list: my_list, items: [bash]}\n" + rule_item("good", "evt.type = execve");
  World world;
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"evt.type = execve and fd.dport = 80", "did you mean 'fd.sport'?"},
      {"evt.type = execve and proc.nmae = bash", "did you mean 'proc.name'?"},
      {"evt.type = execve and nosuch_macro", ""},
      {"evt.type = execve and not my_list", "'my_list' is a list: write `<field> in (my_list)`"},
      {"evt.type = execve and", ""},
      {"evt.type = execve and proc.pid = x", ""},
  };
  for (const auto& entry : bad) {
    const auto& condition = entry.first;
    const auto& hint = entry.second;
    INFO(condition);
    const std::string text = before + rule_item("bad", condition) + rule_item("also", "evt.type = execve");
    const Loaded loaded = load(text, plain_options());
    CHECK(loaded.diagnostics.errors() == 1);  // an error it stays: `rules check` fails, a running agent goes on
    CHECK(loaded.skipped == std::vector<std::string>{"bad"});
    CHECK(hits(text, *exec_event(world), false) == "good also ");
    if (!hint.empty()) CHECK(has(loaded.diagnostics.render_all(), "help: " + hint));
    CHECK(!load(text, plain_options(true)).rules);
  }
  const std::string both = before + "- {list: pair, items: [a, b]}\n- {list: none, items: []}\n";
  for (const char* condition : {"evt.type = execve and pair", "evt.type = execve and not none"})
    CHECK_MESSAGE(
        has(load(both + rule_item("r", condition), plain_options()).diagnostics.render_all(), "' is a list: write"),
        condition);
  const Loaded two = load(before + rule_item("r", "evt.type = execve and nosuch and my_list"), plain_options());
  CHECK(places(two, Diagnostic::Severity::kError) ==
        std::vector<std::string>{"9:36 LOAD_ERR_VALIDATE", "9:47 LOAD_ERR_VALIDATE"});
  // A broken macro costs the rules that use it, and is told once.
  const Loaded macro = load("- {macro: m, condition: proc.name =}\n" + rule_item("r1", "evt.type = execve and m") +
                                rule_item("r2", "evt.type = execve and not m") + rule_item("r3", "evt.type = execve"),
                            plain_options());
  CHECK(macro.diagnostics.errors() == 1);
  CHECK(macro.skipped == std::vector<std::string>{"r1", "r2"});
  CHECK(macro.rules->size() == 1);
}

TEST_CASE("rule tolerant: what Falco loads has the same meaning and no other warnings") {
  const std::string text =
      "- {list: names, items: [bash, 'a b']}\n- {macro: m, condition: proc.name in (names)}\n" +
      rule_item("r1", "evt.type = execve and m", "  exceptions:\n  - {name: e, fields: proc.pname, values: [cron]}\n") +
      rule_item("r2", "evt.type = execve and not m or evt.dir = >") +
      rule_item("r3", "evt.type = execve and proc.name = not_a_macro", "  action: kill\n") +
      "- {rule: r3, append: true, condition: or proc.name = bash}\n- {rule: r2, enabled: false}\n";
  const Loaded strict = load(text, plain_options(true));
  const Loaded tolerant = load(text, plain_options());
  REQUIRE(strict.rules);
  CHECK(strict.rules->digest() == tolerant.rules->digest());
  CHECK(warnings_of(strict) == warnings_of(tolerant));
  CHECK(!warnings_of(strict).empty());
  World world;
  CHECK(hits(text, *exec_event(world), true) == "r1 r3 ");
  CHECK(hits(text, *exec_event(world), false) == "r1 r3 ");
}

TEST_CASE("rule tolerant: a mount that does not exist is N/A, strict and tolerant, unlike Falco's") {
  World world, boxed;
  boxed.in_container();
  for (const char* part : {"container.mount.dest", "container.mount.source", "container.mount.mode",
                           "container.mount.rdwr", "container.mount.propagation", "container.mount"}) {
    for (const char* arg : {"[/proc*]", "[0]", "[\"/var/run/docker.sock\"]"}) {
      const std::string field = std::string(part) + arg;
      for (World* place : {&world, &boxed}) {
        const TestEvent event = exec_event(*place);
        for (bool strict : {false, true}) {
          CHECK_MESSAGE(hits(rule_item("r", "'evt.type = execve and " + field + " = N/A'"), *event, strict) == "r ",
                        field);
          // The stock macro's idiom: false, so that "Launch Sensitive Mount Container" is silent without the mount.
          CHECK_MESSAGE(
              hits(rule_item("r", "'evt.type = execve and not " + field + " in (\"<NA>\",\"N/A\")'"), *event, strict)
                  .empty(),
              field);
        }
      }
    }
  }
}
