// Check-list B12 to B27: exceptions, by the program that they become and by what the rules then match.
#include <doctest/doctest.h>

#include "check_rules_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

const std::string kCondition = "evt.type = execve";

std::string with(const std::string& exceptions) {
  return rule_item("r1", kCondition, "  exceptions:\n" + exceptions);
}

std::string program(const std::string& text) {
  const Loaded loaded = load(text, plain_options(true));
  if (!loaded.rules) throw std::runtime_error(loaded.diagnostics.render_all());
  return loaded.rules->explain(0);
}

// The rule with these exceptions is the rule with this condition.
bool same(const std::string& exceptions, const std::string& rest, const std::string& before = "") {
  return program(before + with(exceptions)) == program(before + rule_item("r1", kCondition + rest));
}

std::string errors(const std::string& exceptions) {
  return strict_errors(with(exceptions));
}

}  // namespace

TEST_CASE("B12 defaults: in for one field, = for a list of fields") {
  CHECK(same("  - {name: e, fields: proc.name, values: [a, b]}\n", " and not proc.name in (a, b)"));
  CHECK(same("  - {name: e, fields: [proc.name], values: [[a]]}\n", " and not proc.name = a"));
  CHECK(same("  - {name: e, fields: [proc.name, proc.pname], values: [[a, b]]}\n",
             " and not (proc.name = a and proc.pname = b)"));
  World world;
  CHECK(hits(with("  - {name: e, fields: proc.name, values: [zsh, bash]}\n"), *exec_event(world)).empty());
  CHECK(hits(with("  - {name: e, fields: proc.name, values: [zsh]}\n"), *exec_event(world)) == "r1 ");
}

TEST_CASE("B13 rows are alternatives, fields of a row belong together, every exception is one more and not") {
  CHECK(same("  - {name: e, fields: [proc.name, proc.pname], values: [[a, b], [c, d]]}\n",
             " and not ((proc.name = a and proc.pname = b) or (proc.name = c and proc.pname = d))"));
  CHECK(
      same("  - {name: e, fields: proc.name, values: [a]}\n  - {name: f, fields: [fd.name], comps: [startswith], "
           "values: [[/x]]}\n",
           " and not proc.name in (a) and not fd.name startswith /x"));
  // The condition is put in parentheses first: an `or` in it stays together.
  World world;
  const std::string either = rule_item("r1", "evt.type = execve or proc.name = bash",
                                       "  exceptions:\n  - {name: e, fields: proc.pname, values: [sshd]}\n");
  CHECK(hits(either, *exec_event(world)).empty());
}

TEST_CASE("B14 a value that looks like a field is a text, with a warning") {
  for (const char* value : {"proc.pname", "\"proc.pname\"", "'proc.pname'"}) {
    const std::string text = with("  - {name: e, fields: [proc.name], values: [[" + std::string(value) + "]]}\n");
    CHECK_MESSAGE(strict_warnings(text) ==
                      "LOAD_COMPILE_CONDITION 'proc.pname' may be a valid field misused as a const string value\n",
                  value);
    CHECK(has(program(text), "proc.name = proc.pname"));
  }
  const std::string blank = with("  - {name: e, fields: [proc.name], values: [['proc.pname ']]}\n");
  CHECK(has(strict_warnings(blank), "may be a valid field misused as a const string value"));
  CHECK(has(program(blank), "proc.name = \"proc.pname \""));
  World world;
  world.runs("sshd", {"sshd"});
  CHECK(hits(with("  - {name: e, fields: [proc.name], values: [[proc.pname]]}\n"), *exec_event(world)) == "r1 ");
  CHECK(hits(with("  - {name: e, fields: [proc.name], values: [[val(proc.pname)]]}\n"), *exec_event(world)).empty());
}

TEST_CASE("B15 a value that is a transformer call acts as one; with a blank inside it is a text") {
  for (const char* value : {"toupper(proc.pname)", "\"toupper(proc.pname)\"", "'toupper(proc.pname)'"}) {
    const std::string text = with("  - {name: e, fields: [proc.name], values: [[" + std::string(value) + "]]}\n");
    CHECK_MESSAGE(program(text) == program(rule_item("r1", kCondition + " and not proc.name = toupper(proc.pname)")),
                  value);
    CHECK(strict_warnings(text).empty());
  }
  const std::string text = with("  - {name: e, fields: [proc.name], values: [['toupper( proc.pname)']]}\n");
  CHECK(strict_warnings(text) ==
        "LOAD_COMPILE_CONDITION 'toupper( proc.pname)' may be a valid field transformer misused as a const string "
        "value\n");
  World world;
  world.runs("SSHD", {"SSHD"});
  CHECK(
      hits(with("  - {name: e, fields: [proc.name], values: [[toupper(proc.pname)]]}\n"), *exec_event(world)).empty());
  CHECK(hits(text, *exec_event(world)) == "r1 ");
}

TEST_CASE("B16 fields may be transformers") {
  for (const char* field : {"tolower(proc.name)", "\"tolower(proc.name)\"", "'tolower( proc.name )'"}) {
    const std::string one = std::string("  - {name: e, fields: [") + field + "], values: [[x]]}\n";
    CHECK_MESSAGE(same(one, " and not tolower(proc.name) = x"), field);
    CHECK_MESSAGE(
        same(std::string("  - {name: e, fields: ") + field + ", values: [x]}\n", " and not tolower(proc.name) in (x)"),
        field);
  }
  CHECK(has(errors("  - {name: e, fields: ['tolower(proc.nam)'], values: [[x]]}\n"),
            "'tolower(proc.nam)' is not a supported filter field"));
}

TEST_CASE("B17 operators with a modifier take a list in parentheses") {
  for (const char* comp : {"startswith oneof", "contains allof", "endswith anyof", "glob oneof", "icontains oneof",
                           "= oneof", "regex oneof", "!= allof"}) {
    const std::string op = comp;
    CHECK_MESSAGE(same("  - {name: e, fields: [fd.name], comps: ['" + op + "'], values: [[[a, b]]]}\n",
                       " and not fd.name " + op + " (a, b)"),
                  comp);
    CHECK_MESSAGE(same("  - {name: e, fields: fd.name, comps: '" + op + "', values: [a, b]}\n",
                       " and not fd.name " + op + " (a, b)"),
                  comp);
  }
  for (const char* comp : {"in", "intersects", "pmatch"})
    CHECK_MESSAGE(same("  - {name: e, fields: fd.name, comps: " + std::string(comp) + ", values: [/a, /b]}\n",
                       " and not fd.name " + std::string(comp) + " (/a, /b)"),
                  comp);
}

TEST_CASE("B18 one operator with a modifier beside one without") {
  CHECK(
      same("  - {name: e, fields: [proc.name, fd.name], comps: [=, startswith oneof], values: [[a, [/x, /y]], [b, "
           "[/z]]]}\n",
           " and not ((proc.name = a and fd.name startswith oneof (/x, /y)) or (proc.name = b and fd.name startswith "
           "oneof (/z)))"));
}

TEST_CASE("B19 operators that do not exist or take no modifier are errors") {
  for (const char* comp : {"nosuch oneof", "in oneof", "pmatch anyof", "intersects allof", "> oneof", "<= anyof",
                           "oneof", "exists", "startswith some", "startswith oneof anyof", ""}) {
    const std::string quoted = "'" + std::string(comp) + "'";
    CHECK_MESSAGE(errors("  - {name: e, fields: [proc.name], comps: [" + quoted + "], values: [[a]]}\n") ==
                      "LOAD_ERR_VALIDATE '" + std::string(comp) + "' is not a supported comparison operator\n",
                  comp);
    CHECK_MESSAGE(errors("  - {name: e, fields: proc.name, comps: " + quoted + ", values: [a]}\n")
                      .starts_with("LOAD_ERR_VALIDATE comps must be one of"),
                  comp);
  }
  for (const char* comp : {"=", "startswith", ">"})
    CHECK_MESSAGE(has(errors("  - {name: e, fields: proc.name, comps: '" + std::string(comp) + "', values: [a]}\n"),
                      "comps must be one of"),
                  comp);
}

TEST_CASE("B20 a scalar with a modifier gets parentheses, one that has them keeps them") {
  CHECK(same("  - {name: e, fields: [proc.name], comps: [startswith oneof], values: [[a]]}\n",
             " and not proc.name startswith oneof (a)"));
  CHECK(same("  - {name: e, fields: [proc.name], comps: [startswith oneof], values: [['(a, b)']]}\n",
             " and not proc.name startswith oneof (a, b)"));
  CHECK(
      same("  - {name: e, fields: [proc.name], comps: [in], values: [['(a, b)']]}\n", " and not proc.name in (a, b)"));
  CHECK(same("  - {name: e, fields: [proc.name], comps: [in], values: [[l]]}\n", " and not proc.name in (x, y)",
             "- {list: l, items: [x, y]}\n"));
}

TEST_CASE("B21 blanks in operators are made one") {
  CHECK(same("  - {name: e, fields: [proc.name], comps: ['  startswith   oneof '], values: [[[a, b]]]}\n",
             " and not proc.name startswith oneof (a, b)"));
  CHECK(same("  - {name: e, fields: proc.name, comps: \" in\\t\", values: [a]}\n", " and not proc.name in (a)"));
}

TEST_CASE("B22 two exceptions of one name are warned about") {
  const std::string text =
      "  - {name: e, fields: proc.name, values: [a]}\n  - {name: e, fields: proc.name, values: "
      "[b]}\n";
  CHECK(strict_warnings(with(text)) ==
        "LOAD_EXCEPTION_NAME_NOT_UNIQUE Multiple definitions of exception 'e' in the same rule\n");
  CHECK(same(text, " and not proc.name in (a) and not proc.name in (b)"));
}

TEST_CASE("B23 appending to an exception: values add rows, none is a warning, a new one needs fields") {
  const std::string base = with("  - {name: e, fields: [proc.name, proc.pname], values: [[zsh, sshd]]}\n");
  World world;
  for (const char* how : {"  append: true\n", "  override: {exceptions: append}\n"}) {
    const std::string head = std::string("- rule: r1\n") + how + "  exceptions:\n";
    CHECK(hits(base, *exec_event(world)) == "r1 ");
    CHECK(hits(base + head + "  - {name: e, values: [[bash, sshd]]}\n", *exec_event(world)).empty());
    for (const char* values : {"", ", values: []"})
      CHECK(has(strict_warnings(base + head + "  - {name: e" + values + "}\n"),
                "LOAD_APPEND_NO_VALUES Overriding/appending exception with no values\n"));
    CHECK(strict_errors(base + head + "  - {name: new, values: [[a, b]]}\n") ==
          "LOAD_ERR_VALIDATE Rule exception new item 'new': must have fields property with a list of fields\n");
    CHECK(strict_errors(base + head + "  - {name: new, fields: [proc.name]}\n") ==
          "LOAD_ERR_VALIDATE Rule exception new item 'new': must have values property with a list of values\n");
    CHECK(hits(base + head + "  - {name: new, fields: proc.name, values: [bash]}\n", *exec_event(world)).empty());
  }
}

TEST_CASE("B24 appending fields or comps to an exception is an error") {
  const std::string base =
      with("  - {name: e, fields: [proc.name], values: [[a]]}\n") + "- rule: r1\n  append: true\n  exceptions:\n";
  CHECK(strict_errors(base + "  - {name: e, fields: [proc.name], values: [[b]]}\n") ==
        "LOAD_ERR_VALIDATE Can not append exception fields to existing exception, only values\n");
  CHECK(strict_errors(base + "  - {name: e, comps: [in], values: [[b]]}\n") ==
        "LOAD_ERR_VALIDATE Can not append exception comps to existing exception, only values\n");
}

TEST_CASE("B25 fields, comps and values have to fit each other") {
  CHECK(errors("  - {name: e, fields: [proc.name, fd.name], comps: [in], values: []}\n") ==
        "LOAD_ERR_VALIDATE Fields and comps lists must have equal length\n");
  CHECK(errors("  - {name: e, fields: [proc.name], comps: in, values: []}\n") ==
        "LOAD_ERR_VALIDATE Fields and comps lists must have equal length\n");
  CHECK(errors("  - {name: e, fields: [proc.name, fd.name], values: [[a]]}\n") ==
        "LOAD_ERR_VALIDATE Fields and values lists must have equal length\n");
  CHECK(errors("  - {name: e, fields: [proc.name, fd.name], values: [[a, b, c]]}\n") ==
        "LOAD_ERR_VALIDATE Fields and values lists must have equal length\n");
  CHECK(errors("  - {name: e, fields: [proc.name], values: [a]}\n") ==
        "LOAD_ERR_VALIDATE Fields and values lists must have equal length\n");
  CHECK(errors("  - {name: e, fields: proc.name, comps: [in], values: [a]}\n") ==
        "LOAD_ERR_VALIDATE Fields and comps must both be strings\n");
  CHECK(errors("  - {name: e, fields: proc.name, values: a}\n") ==
        "LOAD_ERR_YAML_VALIDATE Rule exception values must be a sequence\n");
  CHECK(errors("  - {name: e, fields: proc.name, values: [[a]]}\n").starts_with("LOAD_ERR_VALIDATE "));
  CHECK(errors("  - {name: e, values: [a]}\n") == "LOAD_ERR_YAML_VALIDATE Item has no mapping for key 'fields'\n");
  CHECK(errors("  - {fields: proc.name}\n") == "LOAD_ERR_YAML_VALIDATE Item has no mapping for key 'name'\n");
  CHECK(errors("  - e\n") == "LOAD_ERR_YAML_VALIDATE Rule exception must be a mapping\n");
  CHECK(strict_errors(rule_item("r1", kCondition, "  exceptions: e\n")) ==
        "LOAD_ERR_YAML_VALIDATE Rule exceptions must be a sequence\n");
}

TEST_CASE("B26 unknown fields and operators are errors, where they are written") {
  CHECK(errors("  - {name: e, fields: proc.nam, values: [a]}\n") ==
        "LOAD_ERR_VALIDATE 'proc.nam' is not a supported filter field\n");
  CHECK(errors("  - {name: e, fields: [proc.name, fd.dport], values: []}\n") ==
        "LOAD_ERR_VALIDATE 'fd.dport' is not a supported filter field\n");
  CHECK(errors("  - {name: e, fields: [proc.name, evt.arg.nosuch], values: []}\n") ==
        "LOAD_ERR_VALIDATE 'evt.arg.nosuch' is not a supported filter field\n");
  CHECK(error_places(with("  - {name: e, fields: [proc.name, fd.dport], comps: [=, is], values: []}\n")) ==
        std::vector<std::string>{"7:57 LOAD_ERR_VALIDATE", "7:35 LOAD_ERR_VALIDATE"});
  // Not looked at in rules of another source, which are left out whole.
  CHECK(strict_errors(rule_item("r", "ka.verb = x",
                                "  source: k8s_audit\n  exceptions:\n  - {name: e, fields: "
                                "[ka.verb], values: [[a]]}\n"))
            .empty());
}

TEST_CASE("B27 an exception without values changes nothing") {
  for (const char* values : {"", ", values: []", ", values:"})
    CHECK_MESSAGE(same("  - {name: e, fields: [proc.name, fd.name]" + std::string(values) + "}\n", ""), values);
  CHECK(program(rule_item("r1", kCondition, "  exceptions: []\n")) == program(rule_item("r1", kCondition)));
  CHECK(program(rule_item("r1", kCondition, "  exceptions:\n")) == program(rule_item("r1", kCondition)));
}
