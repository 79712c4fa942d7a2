// Check-list B1 to B11 and B27 to B29: macros and lists, by what the expanded rules match.
#include <doctest/doctest.h>

#include "agent/rule/event_set.h"
#include "check_rules_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

// The tests of the only rule as explain() prints them, for a condition after `evt.type = execve and`.
std::string explained(const std::string& before, const std::string& condition) {
  const Loaded loaded = load(before + rule_item("r1", condition), plain_options(true));
  if (!loaded.rules) throw std::runtime_error(loaded.diagnostics.render_all());
  return loaded.rules->explain(0);
}

}  // namespace

TEST_CASE("B1 a macro is put in its place at any depth, and as the whole condition") {
  World world;
  const TestEvent exec = exec_event(world);
  const std::string macros =
      "- {macro: exec, condition: evt.type = execve}\n- {macro: bash, condition: proc.name = bash}\n- {macro: zsh, "
      "condition: proc.name = zsh}\n- {macro: either, condition: proc.name = zsh or proc.name = bash}\n";
  auto matches = [&](const std::string& condition) { return hits(macros + rule_item("r", condition), *exec) == "r "; };
  CHECK(matches("exec"));
  CHECK(matches("(exec)"));
  CHECK(matches("exec and bash"));
  CHECK(!matches("exec and zsh"));
  CHECK(matches("exec and not zsh"));
  CHECK(matches("not (not exec or (zsh and not (bash)))"));
  CHECK(!matches("exec and not (zsh or (bash and not zsh))"));
  // A subtree, not a text: `or` inside does not leak out.
  CHECK(!matches("either and proc.pname = nobody"));
  CHECK(matches("exec and either"));
  CHECK(!matches("exec and not either"));
}

TEST_CASE("B2 a macro that is used several times is put in every place") {
  World world;
  const std::string macro = "- {macro: m, condition: proc.name = bash}\n";
  CHECK(hits(macro + rule_item("r", "evt.type = execve and (m or m) and m and not (not m)"), *exec_event(world)) ==
        "r ");
  CHECK(hits(macro + rule_item("r1", "evt.type = execve and m") + rule_item("r2", "evt.type = execve and not m"),
             *exec_event(world)) == "r1 ");
}

TEST_CASE("B3 macros in macros; unknown ones are named; a loop is found") {
  World world;
  CHECK(hits("- {macro: a, condition: proc.name = bash}\n- {macro: b, condition: a and proc.pname = sshd}\n- {macro: "
             "c, condition: evt.type = execve and b}\n" +
                 rule_item("r", "c"),
             *exec_event(world)) == "r ");
  CHECK(strict_errors(rule_item("r", "evt.type = execve and first and not second")) ==
        "LOAD_ERR_VALIDATE Undefined macro 'first' used in filter.\n"
        "LOAD_ERR_VALIDATE Undefined macro 'second' used in filter.\n");
  CHECK(error_places(rule_item("r", "evt.type = execve and first")) ==
        std::vector<std::string>{"3:36 LOAD_ERR_VALIDATE"});
  CHECK(strict_errors("- {macro: a, condition: proc.name = x}\n- {macro: a, condition: or a, override: {condition: "
                      "append}}\n") == "LOAD_ERR_VALIDATE reference loop in macro 'a'\n");
  CHECK(has(strict_errors("- {macro: a, condition: proc.name = x}\n- {macro: b, condition: a}\n- {macro: a, condition: "
                          "b}\n"),
            "LOAD_ERR_VALIDATE reference loop in macro '"));
  // A value is never a macro.
  CHECK(hits("- {macro: bash, condition: proc.name = x}\n" + rule_item("r", "evt.type = execve and proc.name = bash"),
             *exec_event(world)) == "r ");
}

TEST_CASE("B4 a condition without a macro stays what it is") {
  CHECK(explained("- {macro: m, condition: proc.name = x}\n",
                  "evt.type = execve and not (proc.name = a or fd.num > 3)") ==
        explained("", "evt.type = execve and not (proc.name = a or fd.num > 3)"));
}

TEST_CASE("B5 a macro may not use a later one; a rule may") {
  const std::string late = "- {macro: late, condition: proc.name = bash}\n";
  CHECK(strict_errors("- {macro: early, condition: late}\n" + late) ==
        "LOAD_ERR_VALIDATE Undefined macro 'late' used in filter.\n");
  World world;
  CHECK(hits(rule_item("r", "evt.type = execve and late") + late, *exec_event(world)) == "r ");
  const Loaded loaded = load("- {macro: early, condition: late}\n" + late, plain_options(true));
  CHECK(has(loaded.diagnostics.render_all(), "it is defined after this macro"));
}

TEST_CASE("B6 an override moves a macro's visibility to the new place") {
  const std::string early = "- {macro: early, condition: proc.name = x}\n";
  const std::string late = "- {macro: late, condition: proc.name = bash}\n";
  World world;
  for (const char* change :
       {"- {macro: early, condition: late, override: {condition: replace}}\n",
        "- {macro: early, condition: or late, override: {condition: append}}\n", "- {macro: early, condition: late}\n"})
    CHECK_MESSAGE(
        hits(early + late + change + rule_item("r", "evt.type = execve and early"), *exec_event(world)) == "r ",
        change);
  // Not for a macro that is defined after the override.
  CHECK(has(strict_errors(early + "- {macro: early, condition: or late, override: {condition: append}}\n" + late),
            "Undefined macro 'late'"));
}

TEST_CASE("B7 lists are written out in parentheses, several of them, beside plain values") {
  const std::string lists = "- {list: a, items: [x, y]}\n- {list: b, items: [z]}\n";
  CHECK(has(explained(lists, "proc.name in (a)"), "proc.name in (x, y)"));
  CHECK(has(explained(lists, "proc.name in (a, b)"), "proc.name in (x, y, z)"));
  CHECK(has(explained(lists, "proc.name in (q, a,b , \"r s\")"), "proc.name in (q, x, y, z, \"r s\")"));
  CHECK(has(explained(lists, "proc.name startswith oneof (a)"), "proc.name startswith oneof (x, y)"));
  CHECK(has(explained(lists, "proc.name=b"), "proc.name = z"));
  CHECK(has(explained(lists, "proc.name in b"), "proc.name in (z)"));
  // Textual, so more than one value where one is expected is no condition.
  CHECK(has(strict_errors(lists + rule_item("r", "proc.name = a")), "LOAD_ERR_COMPILE_CONDITION"));
  CHECK(has(strict_errors(lists + rule_item("r", "proc.name in a")), "LOAD_ERR_COMPILE_CONDITION"));
  CHECK(has(explained(lists, "proc.cmdline = \"run b now\""), "proc.cmdline = \"run z now\""));
}

TEST_CASE("B8 a list's name inside a longer word is not replaced") {
  const std::string list = "- {list: my, items: [x]}\n";
  CHECK(has(explained(list, "proc.name in (my2, my-list, amy, my.my, my)"),
            "proc.name in (my2, my-list, amy, my.my, x)"));
  CHECK(has(explained(list, "proc.name in (\"my\", 'my')"), "proc.name in (my, my)"));
}

TEST_CASE("B9 an earlier list inside a list is written out, a later one is text") {
  const std::string use = "proc.name in (l)";
  CHECK(has(explained("- {list: a, items: [x, y]}\n- {list: l, items: [a, z]}\n", use), "proc.name in (x, y, z)"));
  CHECK(has(explained("- {list: l, items: [zlate, z]}\n- {list: zlate, items: [x]}\n", "proc.name in (\"l\", l)"),
            "proc.name in (l, x, z)"));
  // A later list is found by its name in the text, where its own items are written out already.
  CHECK(has(explained("- {list: deep, items: [q]}\n- {list: l, items: [late]}\n- {list: late, items: [deep]}\n", use),
            "proc.name in (q)"));
  // One level only: the inner list's own items are taken as they are written.
  CHECK(has(
      explained("- {list: c, items: [deep]}\n- {list: b, items: [c]}\n- {list: a, items: [b]}\n", "proc.name in (a)"),
      "proc.name in (c)"));
}

TEST_CASE("B10 an empty list removes itself, the blanks around it and one comma") {
  const std::string lists = "- {list: none, items: []}\n- {list: nil, items: []}\n";
  CHECK(has(explained(lists, "proc.name in (none)"), "proc.name in ()"));
  CHECK(has(explained(lists, "proc.name in ( none )"), "proc.name in ()"));
  CHECK(has(explained(lists, "proc.name in (none, a)"), "proc.name in (a)"));
  CHECK(has(explained(lists, "proc.name in (a, none)"), "proc.name in (a)"));
  CHECK(has(explained(lists, "proc.name in (a, none, b)"), "proc.name in (a, b)"));
  CHECK(has(explained(lists, "proc.name in (none, nil)"), "proc.name in ()"));
  CHECK(has(explained(lists, "proc.name in (none, a, nil)"), "proc.name in (a)"));
  World world;
  CHECK(hits(lists + rule_item("r1", "evt.type = execve and proc.name in (none)") +
                 rule_item("r2", "evt.type = execve and not proc.name in (none)"),
             *exec_event(world)) == "r2 ");
}

TEST_CASE("B11 items with blanks are quoted") {
  const std::string list = R"(
- list: l
  items: [a b, '"c d"', "'e f'", plain, "tab\tbed"]
)";
  World world;
  for (const char* name : {"a b", "c d", "e f", "plain"}) {
    world.runs(name, {name});
    CHECK_MESSAGE(hits("- {list: l, items: [a b, '\"c d\"', \"'e f'\", plain]}\n" +
                           rule_item("r", "evt.type = execve and proc.name in (l)"),
                       *exec_event(world)) == "r ",
                  name);
  }
  // A tab is no blank for this: the text breaks in two, and that is no list.
  CHECK(has(strict_errors(list + rule_item("r", "proc.name in (l)")), "LOAD_ERR_COMPILE_CONDITION"));
}

TEST_CASE("B28 what a condition is made of: macros, lists, fields, operators and event types") {
  // Without expansion a list is the value it stands in for and a macro a name; with it, what they hold is there.
  const std::string before = "- {list: l, items: [bash, zsh]}\n- {macro: m, condition: proc.name in (l)}\n";
  const Loaded loaded =
      load(before + rule_item("r1", "evt.type in (execve, execveat) and m and not proc.pid > 5"), plain_options(true));
  REQUIRE(loaded.rules);
  CHECK(loaded.rules->rule(0).condition == "evt.type in (execve, execveat) and m and not proc.pid > 5");
  const std::string program = loaded.rules->explain(0);
  for (const char* part : {"evt.type in (execve, execveat)", "proc.name in (bash, zsh)", "proc.pid > 5"})
    CHECK_MESSAGE(has(program, part), part);
  CHECK(!has(program, " m "));
  CHECK(loaded.rules->types(0).count() == 2);
  CHECK(loaded.rules->types(0)[EVT_execve]);
  CHECK(loaded.rules->types(0)[EVT_execveat]);
  CHECK(loaded.rules->fields_read().contains("proc.pid"));
  CHECK(!loaded.rules->fields_read().contains("proc.pname"));
  LoadOptions options = plain_options(true);
  options.warn_unused = true;
  CHECK(warnings_of(load(before + rule_item("r1", "evt.type = execve and m"), options)).empty());
  CHECK(warnings_of(load(before, options)) == "LOAD_UNUSED_MACRO Macro not referred to by any rule/macro\n");
  CHECK(warnings_of(load("- {list: l, items: [x]}\n", options)) ==
        "LOAD_UNUSED_LIST List not referred to by any other rule/macro\n");
}

TEST_CASE("B29 comparing audit fields with <NA> is warned about, comparing others is not") {
  for (const char* unsafe : {"ka.verb = <NA>", "ka.verb == \"<NA>\"", "ka.target.name != <NA>",
                             "jevt.value in (a, <NA>)", "jevt.value[/x] intersects (<NA>)", "jevt.value pmatch (<NA>)"})
    CHECK_MESSAGE(has(strict_warnings(rule_item("r", std::string("evt.type = openat and ") + unsafe)),
                      "LOAD_UNSAFE_NA_CHECK comparing a field value with <NA> is unsafe and can lead to unpredictable "
                      "behavior of the rule condition\n"),
                  unsafe);
  for (const char* safe : {"user.name = <NA>", "proc.name in (a, <NA>)", "ka.verb = NA", "ka.verb contains <NA>",
                           "ka.verb startswith <NA>", "kabc.verb = <NA>"})
    CHECK_MESSAGE(!has(strict_warnings(rule_item("r", std::string("evt.type = openat and ") + safe)), "UNSAFE"), safe);
}
