// Advice on rules that load: when it is given, when not, where it points, and that it changes nothing.
#include <doctest/doctest.h>

#include "agent/rule/codes.h"
#include "check_rules_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;
using tiercel::Diagnostic;

namespace {

LoadOptions with_lint(bool strict) {
  LoadOptions options = plain_options(strict);
  options.lint = true;
  return options;
}

// "line:column CODE" of the advice; the same in both modes, and never a word more or less about anything else.
std::vector<std::string> advice(const std::vector<RuleText>& texts) {
  std::vector<std::string> said[2];
  for (bool strict : {false, true}) {
    const Loaded loaded = load_texts(texts, with_lint(strict));
    const Loaded silent = load_texts(texts, plain_options(strict));
    CHECK(loaded.diagnostics.errors() == silent.diagnostics.errors());
    REQUIRE(loaded.rules);
    REQUIRE(silent.rules);
    CHECK(loaded.rules->digest() == silent.rules->digest());
    for (const Diagnostic& d : loaded.diagnostics.all()) {
      REQUIRE(code_by_name(d.code));
      if (d.code.starts_with("LINT_"))
        said[strict].push_back(std::to_string(d.position.line) + ":" + std::to_string(d.position.column) + " " +
                               d.code);
    }
    CHECK(loaded.diagnostics.all().size() == silent.diagnostics.all().size() + said[strict].size());
  }
  CHECK(said[0] == said[1]);
  return said[0];
}
std::vector<std::string> advice(const std::string& text) {
  return advice({{"rules.yaml", text}});
}
std::vector<std::string> on(const std::string& condition) {
  return advice(rule_item("r", "\"" + condition + "\""));
}
std::string hint(const std::string& text) {
  const Loaded loaded = load(text, with_lint(true));
  for (const Diagnostic& d : loaded.diagnostics.all())
    if (d.code.starts_with("LINT_")) return d.message + " / " + d.hint;
  return "";
}

using Said = std::vector<std::string>;

}  // namespace

TEST_CASE("rule lint: one variant of a system call without its siblings") {
  CHECK(on("evt.type = open and proc.name = x") == Said{"3:26 LINT_CALL_VARIANT"});
  CHECK(on("syscall.type = accept") == Said{"3:30 LINT_CALL_VARIANT"});
  CHECK(on("proc.name = x and evt.type in (open, openat)") == Said{"3:46 LINT_CALL_VARIANT"});
  CHECK(on("evt.type in (rename, unlink)") == Said{"3:28 LINT_CALL_VARIANT", "3:36 LINT_CALL_VARIANT"});
  CHECK(hint(rule_item("r", "evt.type = open")) ==
        "'open' without openat and openat2: the same thing done with them is not seen / write evt.type in (open, "
        "openat, openat2)");
  CHECK(hint(rule_item("r", "syscall.type = accept")) ==
        "'accept' without accept4: the same thing done with it is not seen / write syscall.type in (accept, accept4)");
  CHECK(on("evt.type = open and not (evt.type = open and proc.name = x)") == Said{"3:26 LINT_CALL_VARIANT"});
  for (const char* whole :
       {"evt.type in (open, openat, openat2)", "evt.type = accept or evt.type = accept4", "proc.name = x",
        "evt.type != open", "not evt.type = open", "evt.type = connect", "evt.type in (execve, execveat)",
        "(evt.type = open and proc.name = x) or evt.type in (openat, openat2)", "evt.type = open and evt.type = close"})
    CHECK_MESSAGE(on(whole).empty(), whole);
  // In a macro that many rules use it is told once.
  const std::string macro = "- {macro: opens, condition: evt.type = open}\n";
  CHECK(advice(macro + rule_item("r1", "opens") + rule_item("r2", "opens and proc.name = x")) ==
        Said{"1:40 LINT_CALL_VARIANT"});
}

TEST_CASE("rule lint: enter events never come") {
  CHECK(on("evt.type = connect and evt.dir = >") == Said{"3:48 LINT_ENTER_EVENT"});
  CHECK(on("evt.type = connect and evt.dir != <") == Said{"3:49 LINT_ENTER_EVENT"});
  CHECK(on("evt.type = connect and evt.dir in (>)") == Said{"3:50 LINT_ENTER_EVENT"});
  CHECK(on("evt.type = connect and evt.dir = <").empty());
  World world;
  CHECK(
      hits(rule_item("r1", "evt.type = execve and evt.dir = >") + rule_item("r2", "evt.type = execve and evt.dir = <"),
           *exec_event(world)) == "r2 ");
}

TEST_CASE("rule lint: a macro's name as a value") {
  const std::string before =
      "- {macro: my_shells, condition: proc.name = bash}\n- {macro: rename, condition: evt.type = "
      "connect}\n- {list: my_list, items: [my_shells]}\n";
  auto said = [&](const std::string& condition) { return advice(before + rule_item("r", condition)); };
  CHECK(said("evt.type = connect and proc.name in (my_shells)") == Said{"6:51 LINT_MACRO_AS_VALUE"});
  CHECK(said("evt.type = connect and proc.name = my_shells") == Said{"6:49 LINT_MACRO_AS_VALUE"});
  CHECK(said("evt.type = connect and proc.name in (x, my_list)") == Said{"3:27 LINT_MACRO_AS_VALUE"});
  for (const char* fine : {"evt.type = connect and my_shells", "evt.type = connect and proc.name in (\"my_shells\")",
                           "evt.type = connect and proc.name = rename", "evt.type in (rename, renameat, renameat2)",
                           "evt.type = connect and proc.name in (your_shells)"})
    CHECK_MESSAGE(said(fine).empty(), fine);
}

TEST_CASE("rule lint: a macro of another file defined anew") {
  const RuleText stock{"stock.yaml",
                       "- {macro: never_true, condition: evt.num = 0}\n- {macro: container, condition: (container.id "
                       "!= host)}\n- {macro: user_known_x, "
                       "condition: proc.name = x}\n- {macro: nothing_yet, condition: (never_true)}\n" +
                           rule_item("r", "evt.type = connect and container")};
  auto with = [&](const std::string& text) { return advice({stock, {"mine.yaml", text}}); };
  CHECK(with("- {macro: container, condition: container.id exists}\n") == Said{"1:11 LINT_MACRO_REDEFINED"});
  for (const char* fine :
       {"- {macro: container, condition: container.id   != host}\n",
        "- {macro: other, condition: container.id = host}\n",
        "- {macro: container, condition: container.id exists, override: {condition: replace}}\n",
        "- {macro: container, condition: or container.id exists, override: {condition: append}}\n",
        "- {macro: user_known_x, condition: proc.name = y}\n", "- {macro: nothing_yet, condition: proc.name = y}\n"})
    CHECK_MESSAGE(with(fine).empty(), fine);
  CHECK(advice(stock.text + "- {macro: container, condition: container.id exists}\n").empty());
  // The meaning is the later file's, as in Falco.
  World world;
  const TestEvent event = sock_event(world);
  CHECK(hits({stock}, *event).empty());
  CHECK(hits({stock, {"mine.yaml", "- {macro: container, condition: container.id = host}\n"}}, *event) == "r ");
}

TEST_CASE("rule lint: fd.name for calls that take a path") {
  auto said = [](const std::string& condition, const std::string& output) {
    return advice("- rule: r\n  desc: d\n  condition: " + condition + "\n  output: \"" + output +
                  "\"\n  priority: INFO\n");
  };
  const std::string chmod = "evt.type in (chmod, fchmod, fchmodat)";
  CHECK(said(chmod, "file %fd.name") == Said{"4:17 LINT_NO_DESCRIPTOR"});
  CHECK(said(chmod, "file %fd.directory x") == Said{"4:17 LINT_NO_DESCRIPTOR"});
  CHECK(said("evt.type in (mkdir, mkdirat) and fd.name = /x", "o") == Said{"3:47 LINT_NO_DESCRIPTOR"});
  CHECK(has(hint("- {rule: r, desc: d, condition: \"evt.type in (chmod, fchmodat)\", output: \"%fd.name\", priority: "
                 "INFO}\n"),
            "'%fd.name' is not the file that chmod and fchmodat are about, and mostly prints <NA>"));
  CHECK(has(hint("- {rule: r, desc: d, condition: \"evt.type in (rename, renameat, renameat2)\", output: \"%fd.name\", "
                 "priority: INFO}\n"),
            "%fs.path.source and %fs.path.target"));
  CHECK(said(chmod, "file %fs.path.name").empty());
  CHECK(said(chmod, "file %fd.name_changed").empty());
  CHECK(said(chmod + " and fd.name = /x", "o").empty());  // fchmod has a descriptor
  CHECK(said("evt.type in (open, openat, openat2)", "file %fd.name").empty());
  CHECK(said("proc.name = x", "file %fd.name").empty());
  CHECK(said("evt.type = fchmod", "file %fd.name").empty());
}

TEST_CASE("rule lint: fd.net, fd.ip and evt.res") {
  CHECK(on("evt.type = connect and fd.net in (10.0.0.0/8, 192.168.0.0/16)") == Said{"3:61 LINT_FIRST_NETWORK"});
  CHECK(on("evt.type = connect and fd.net in (10.0.0.0/8)").empty());
  CHECK(on("evt.type = connect and fd.snet in (10.0.0.0/8, 192.168.0.0/16)").empty());
  CHECK(on("evt.type = connect and fd.ip intersects (10.0.0.1)") == Said{"3:44 LINT_RUNTIME_ERROR"});
  CHECK(on("evt.type = connect and fd.ip in (10.0.0.1)").empty());
  CHECK(on("evt.type = connect and evt.res != -1") == Said{"3:49 LINT_RESULT_TEXT"});
  CHECK(on("evt.type = connect and evt.res in (SUCCESS, 0)") == Said{"3:59 LINT_RESULT_TEXT"});
  CHECK(on("evt.type = connect and evt.res = EINPROGRESS").empty());
  CHECK(on("evt.type = connect and evt.rawres = -1").empty());
  World world;
  const TestEvent event = sock_event(world);  // 10.0.0.1 to 192.168.7.9
  CHECK(hits(rule_item("r1", "evt.type = connect and fd.net in (10.0.0.0/8, 1.0.0.0/8)") +
                 rule_item("r2", "evt.type = connect and fd.net in (1.0.0.0/8, 10.0.0.0/8)") +
                 rule_item("r3", "evt.type = connect and fd.ip intersects (1.1.1.1, 192.168.7.9)") +
                 rule_item("r4", "evt.type = connect and fd.ip intersects (1.1.1.1)"),
             *event) == "r1 r3 ");
}
