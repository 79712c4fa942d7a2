// Check-list A40 to A44, and what Falco's verdict means for a set of files: codes, places, the first error, tags,
// output.
#include <doctest/doctest.h>

#include <set>

#include "agent/rule/codes.h"
#include "check_rules_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;
using tiercel::Diagnostic;

namespace {

std::vector<std::string> messages(const std::vector<RuleText>& texts, bool strict = true) {
  std::vector<std::string> out;
  const Loaded loaded = load_texts(texts, plain_options(strict));
  for (const Diagnostic& d : loaded.diagnostics.all())
    if (d.severity == Diagnostic::Severity::kError)
      out.push_back(d.position.file + ":" + std::to_string(d.position.line) + " " + d.code);
  return out;
}

}  // namespace

TEST_CASE("A40 codes and their texts are Falco's, and every diagnostic has one of the table") {
  const std::vector<std::pair<std::string, std::string>> errors = {
      {"LOAD_ERR_FILE_READ", "File read error"},
      {"LOAD_ERR_YAML_PARSE", "YAML parse error"},
      {"LOAD_ERR_YAML_VALIDATE", "Error validating internal structure of YAML file"},
      {"LOAD_ERR_COMPILE_CONDITION", "Error compiling condition"},
      {"LOAD_ERR_COMPILE_OUTPUT", "Error compiling output"},
      {"LOAD_ERR_VALIDATE", "Error validating rule/macro/list/exception objects"},
      {"LOAD_ERR_EXTENSION", "Error in extension item"}};
  for (const auto& entry : errors) {
    const CodeInfo* code = code_by_name(entry.first);
    REQUIRE_MESSAGE(code, entry.first);
    CHECK(code->title == entry.second);
    CHECK(code->severity == Diagnostic::Severity::kError);
  }
  for (const char* name :
       {"LOAD_UNKNOWN_SOURCE", "LOAD_UNSAFE_NA_CHECK", "LOAD_NO_EVTTYPE", "LOAD_UNKNOWN_FILTER", "LOAD_UNUSED_MACRO",
        "LOAD_UNUSED_LIST", "LOAD_UNKNOWN_ITEM", "LOAD_DEPRECATED_ITEM", "LOAD_WARNING_EXTENSION",
        "LOAD_APPEND_NO_VALUES", "LOAD_EXCEPTION_NAME_NOT_UNIQUE", "LOAD_INVALID_MACRO_NAME", "LOAD_INVALID_LIST_NAME",
        "LOAD_COMPILE_CONDITION", "LOAD_UNKNOWN_KEY"}) {
    REQUIRE_MESSAGE(code_by_name(name), name);
    CHECK(code_by_name(name)->severity == Diagnostic::Severity::kWarning);
  }
  std::set<std::string_view> names;
  for (const CodeInfo& code : all_codes()) CHECK_MESSAGE(names.insert(code.name).second, code.name);
  const std::string text = "- {list: a b, items: x}\n- {macro: m-m, condition: (}\n- 5\n- {other: x}\n" +
                           rule_item("r1", "proc.nam = 1 and evt.dir = >", "  bad: key\n") +
                           "- {rule: r2, condition: x}\n";
  for (bool strict : {false, true}) {
    LoadOptions options;
    options.strict = strict;
    const Loaded loaded = load(text, options);
    for (const Diagnostic& d : loaded.diagnostics.all())
      CHECK_MESSAGE(code_by_name(d.code), d.code << " " << d.message);
  }
}

TEST_CASE("A41 an error has file, line, column and the line with a caret") {
  const Loaded loaded = load(
      "- rule: r1\n  desc: d\n  output: o\n  priority: INFO\n  condition: >\n    evt.type = openat and\n    proc.pid = "
      "seven\n",
      plain_options(true));
  REQUIRE(loaded.diagnostics.all().size() == 1);
  const Diagnostic& d = loaded.diagnostics.all()[0];
  CHECK(d.position.file == "rules.yaml");
  CHECK(d.position.line == 7);
  CHECK(d.position.column == 16);
  CHECK(d.subject == "rule 'r1'");
  CHECK(loaded.diagnostics.render(d) ==
        "rules.yaml:7:16: error: rule 'r1': 'seven' is not a valid number [LOAD_ERR_COMPILE_CONDITION]\n"
        "        proc.pid = seven\n"
        "                   ^\n");
  // A long line is cut to about 160 characters around the place.
  const std::string list = std::string(3000, 'x');
  const Loaded far =
      load(rule_item("r1", "evt.type = openat and proc.name = " + list + " and proc.pid = seven"), plain_options(true));
  const std::string shown = far.diagnostics.render(far.diagnostics.all().at(0));
  CHECK(shown.size() < 500);
  CHECK(has(shown, "proc.pid = seven\n"));
}

TEST_CASE("A42 tags are a list of scalars, kept sorted and once") {
  CHECK(only_rule(rule_item("r", "evt.type = openat", "  tags: [zeta, alpha, zeta, 5, yes]\n")).tags ==
        std::vector<std::string>{"5", "alpha", "yes", "zeta"});
  CHECK(only_rule(rule_item("r", "evt.type = openat", "  tags: []\n")).tags.empty());
  for (const char* tags : {"x", "{a: b}", ""})
    CHECK_MESSAGE(strict_errors(rule_item("r", "evt.type = openat", std::string("  tags: ") + tags + "\n")) ==
                      "LOAD_ERR_YAML_VALIDATE Value is not a sequence\n",
                  tags);
  for (const char* tags : {"[[x]]", "[{a: b}]", "[~]"})
    CHECK_MESSAGE(strict_errors(rule_item("r", "evt.type = openat", std::string("  tags: ") + tags + "\n")) ==
                      "LOAD_ERR_YAML_VALIDATE sequence value is not scalar\n",
                  tags);
}

TEST_CASE("A43 an output is trimmed when the rule is defined, not when it is changed") {
  const std::string base =
      "- rule: r\n  desc: d\n  condition: evt.type = openat\n  priority: INFO\n  output: \" \\n out put \\t\\n\"\n";
  CHECK(only_rule(base).output == "out put");
  CHECK(
      only_rule("- rule: r\n  desc: d\n  condition: evt.type = openat\n  priority: INFO\n  output: >\n    folded\n    "
                "text\n")
          .output == "folded text");
  CHECK(only_rule(base + "- {rule: r, output: ' more ', override: {output: append}}\n").output == "out put  more ");
  CHECK(only_rule(base + "- {rule: r, output: ' new ', override: {output: replace}}\n").output == " new ");
}

TEST_CASE("A44 appended tags are a union") {
  CHECK(only_rule(rule_item("r", "evt.type = openat", "  tags: [b, a]\n") +
                  "- {rule: r, tags: [c, a], override: {tags: append}}\n")
            .tags == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("rule verdict: strict tells first what Falco stops at, then the rest by place") {
  // Reading comes before compiling, so the priority on line 9 is Falco's error, not the field on line 3.
  const std::string text = rule_item("r1", "evt.type = openat and proc.nam = x") +
                           "- rule: r2\n  desc: d\n  condition: evt.type = openat\n  priority: HUGE\n  output: o\n" +
                           rule_item("r3", "evt.type = nosuch");
  CHECK(messages({{"a", text}}) == std::vector<std::string>{"a:9 LOAD_ERR_YAML_VALIDATE",
                                                            "a:3 LOAD_ERR_COMPILE_CONDITION",
                                                            "a:13 LOAD_ERR_COMPILE_CONDITION"});
  CHECK(messages({{"a", text}}, false) == std::vector<std::string>{"a:3 LOAD_ERR_COMPILE_CONDITION",
                                                                   "a:9 LOAD_ERR_YAML_VALIDATE",
                                                                   "a:13 LOAD_ERR_COMPILE_CONDITION"});
  const Loaded warned = load("- {something: else}\n" + text, plain_options(true));
  CHECK(warned.diagnostics.all().front().message == "Invalid priority");
  CHECK(warned.diagnostics.all()[1].code == "LOAD_UNKNOWN_ITEM");
  // Macros are compiled before rules.
  CHECK(messages({{"a", rule_item("r1", "nosuch") + "- {macro: m, condition: and}\n"}}) ==
        std::vector<std::string>{"a:6 LOAD_ERR_COMPILE_CONDITION", "a:3 LOAD_ERR_VALIDATE"});
  CHECK(!load(text, plain_options(true)).rules);
}

TEST_CASE("rule verdict: Falco compiles after every file, so a file may not need a later one") {
  const RuleText uses{"a", rule_item("r1", "evt.type = execve and m")};
  const RuleText defines{"b", "- {macro: m, condition: proc.name = bash}\n"};
  CHECK(messages({uses, defines}) == std::vector<std::string>{"a:3 LOAD_ERR_VALIDATE"});
  CHECK(messages({defines, uses}).empty());
  CHECK(messages({{"a", uses.text + defines.text}}).empty());
  // Tolerant takes it and says so.
  World world;
  const Loaded loaded = load_texts({uses, defines}, plain_options());
  CHECK(Matcher(loaded.rules).match(*exec_event(world)).size() == 1);
  CHECK(has(warnings_of(loaded), "LOAD_WARNING_EXTENSION macro 'm' is defined in a file that is read later (b)"));
  CHECK(load_texts({defines, uses}, plain_options()).diagnostics.all().empty());
  // What a later file mends was wrong when Falco saw it.
  const RuleText bad{"a", rule_item("r1", "evt.type = execve and proc.pid = x")};
  const RuleText mended{"b", rule_item("r1", "evt.type = execve")};
  CHECK(messages({bad, mended}) == std::vector<std::string>{"a:3 LOAD_ERR_COMPILE_CONDITION"});
  CHECK(messages({bad, mended}, false).empty());
}

TEST_CASE("rule verdict: tolerant leaves out what is broken and keeps what was there before") {
  World world;
  const std::string good = rule_item("r1", "evt.type = execve");
  for (const std::string& broken :
       {std::string("- {rule: r1, output: 5}\n"), rule_item("r1", "evt.type = execve", "  tags: 5\n"),
        std::string("- {rule: r1, condition: x, override: {condition: no}}\n")}) {
    const Loaded loaded = load(good + broken, plain_options());
    CHECK(loaded.diagnostics.errors() > 0);
    REQUIRE(loaded.rules);
    CHECK(Matcher(loaded.rules).match(*exec_event(world)).size() == 1);
    CHECK(loaded.skipped.empty());
  }
  const Loaded none = load(rule_item("r1", "evt.type = execve and proc.nam = x") + rule_item("r2", "evt.type = execve"),
                           plain_options());
  CHECK(none.skipped == std::vector<std::string>{"r1"});
  CHECK(none.rules->size() == 1);
  // A response is none; a rule that detects and has an action besides is a rule, as it is for Falco.
  CHECK(load("- {rule: k, condition: rule.name = x, action: {type: kill}}\n", plain_options()).rules->size() == 0);
  CHECK(load(rule_item("r1", "evt.type = execve", "  action: kill\n"), plain_options()).rules->size() == 1);
}
