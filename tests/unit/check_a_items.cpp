// Check-list A24 to A44 and D8: versions, names, keys, warnings, skipped rules, documents, errors and their places.
#include <doctest/doctest.h>

#include "agent/rule/codes.h"
#include "check_rules_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

const std::string kRule = rule_item("r1", "evt.type = openat");

std::string plugin_errors(const std::string& text) {
  return strict_errors("- required_plugin_versions:\n" + text);
}

}  // namespace

TEST_CASE("A24 required_engine_version: a number or x.y.z, not above the engine's") {
  for (const char* version : {"0", "2", "63", "\"0.26.0\"", "0.57.0", "0.63.0"})
    CHECK_MESSAGE(strict_errors("- required_engine_version: " + std::string(version) + "\n").empty(), version);
  for (const char* version : {"soon", "1.2", "0.26.x", "[1]", "\"\""})
    CHECK_MESSAGE(has(strict_errors("- required_engine_version: " + std::string(version) + "\n"),
                      "LOAD_ERR_YAML_VALIDATE Unable to parse engine version '"),
                  version);
  CHECK(strict_errors("- required_engine_version: soon\n") ==
        "LOAD_ERR_YAML_VALIDATE Unable to parse engine version 'soon' as a semver string. Expected \"x.y.z\" semver "
        "format.\n");
  CHECK(strict_errors("- required_engine_version: 64\n") ==
        "LOAD_ERR_VALIDATE Rules require engine version 0.64.0, but engine version is 0.63.0\n");
  CHECK(has(strict_errors("- required_engine_version: 1.0.0\n"), "LOAD_ERR_VALIDATE Rules require engine version"));
  // Wherever it stands, and other keys beside it do not matter.
  CHECK(has(strict_errors(kRule + "- {required_engine_version: 9999, x: y}\n"), "LOAD_ERR_VALIDATE"));
  CHECK(strict_warnings("- {required_engine_version: 2, x: y}\n").empty());
}

TEST_CASE("D8 plugin requirements: satisfied, by an alternative, not at all, badly written") {
  CHECK(plugin_errors("  - {name: container, version: 0.4.0}\n  - {name: k8smeta, version: 0.1.0}\n").empty());
  CHECK(plugin_errors("  - {name: k8saudit, version: 0.7.0, alternatives: [{name: x, version: 0.1.0}, {name: "
                      "container, version: 0.1.0}]}\n")
            .empty());
  CHECK(plugin_errors("  - {name: k8saudit, version: 0.7.0, alternatives: [{name: k8saudit-eks, version: 0.4.0}]}\n") ==
        "LOAD_ERR_VALIDATE Plugin requirement not satisfied, must load one of: k8saudit (>= 0.7.0), k8saudit-eks (>= "
        "0.4.0)\n");
  // The first that is there decides, also when it is too old; a later alternative does not help.
  CHECK(has(plugin_errors("  - {name: container, version: 1.0.0, alternatives: [{name: k8smeta, version: 0.1.0}]}\n"),
            "must load one of: container (>= 1.0.0), k8smeta (>= 0.1.0)"));
  // Every requirement has to be met.
  CHECK(plugin_errors("  - {name: container, version: 0.4.0}\n  - {name: json, version: 0.1.0}\n") ==
        "LOAD_ERR_VALIDATE Plugin requirement not satisfied, must load one of: json (>= 0.1.0)\n");
  CHECK(has(plugin_errors("  - {name: container, version: new}\n"), "LOAD_ERR_YAML_VALIDATE Plugin requirement: "));
  CHECK(has(plugin_errors("  - {name: a, version: 0.1.0, alternatives: [{name: a, version: 0.2.0}]}\n"),
            "LOAD_ERR_YAML_VALIDATE Plugin requirement: "));
  CHECK(has(plugin_errors("  - {name: a}\n"), "LOAD_ERR_YAML_VALIDATE Item has no mapping for key 'version'"));
  CHECK(has(strict_errors("- required_plugin_versions: container\n"), "LOAD_ERR_YAML_VALIDATE"));
  // What is missing is told after everything else: Falco looks once all files are read.
  const Loaded loaded = load("- required_plugin_versions:\n  - {name: json, version: 0.1.0}\n" +
                                 rule_item("r", "evt.type = openat and nosuch"),
                             plain_options(true));
  CHECK(has(loaded.diagnostics.all()[0].message, "Undefined macro"));
}

TEST_CASE("A25 list items with blanks are quoted, and are no names of lists") {
  const std::string text =
      "- {list: a, items: [x]}\n- {list: a b, items: [y]}\n- {list: l, items: ['a b', a, \"c d\"]}\n" +
      rule_item("r1", "evt.type = execve and proc.name in (l)");
  CHECK(has(load(text, plain_options(true)).rules->explain(0), "proc.name in (\"a b\", x, \"c d\")"));
  World world;
  world.runs("c d", {"c"});
  CHECK(hits(text, *exec_event(world)) == "r1 ");
}

TEST_CASE("A26 names that cannot be used in conditions are warned about, and kept") {
  for (const char* name : {"a-b", "1a", "a.b", "'a b'", "_a"})
    CHECK_MESSAGE(strict_warnings("- {macro: " + std::string(name) + ", condition: proc.name = x}\n") ==
                      "LOAD_INVALID_MACRO_NAME Macro has an invalid name. Macro names should match a regular "
                      "expression: [a-zA-Z]+[a-zA-Z0-9_]*\n",
                  name);
  for (const char* name : {"'a b'", "a(b", "'a,b'", "a=b", "'a\"b'"})
    CHECK_MESSAGE(strict_warnings("- list: " + std::string(name) + "\n  items: [x]\n") ==
                      "LOAD_INVALID_LIST_NAME List has an invalid name. List names should match a regular expression: "
                      "[^()\"'\\s=,]+\n",
                  name);
  CHECK(strict_warnings("- {list: 1-a.b, items: [x]}\n").empty());
  World world;
  CHECK(hits("- {list: a(b, items: [bash]}\n- {list: l, items: [a(b]}\n" +
                 rule_item("r1", "evt.type = execve and proc.name in (l)"),
             *exec_event(world)) == "r1 ");
}

TEST_CASE("A27 unknown keys are named and ignored, in rules, macros and lists") {
  CHECK(strict_warnings(rule_item("r1", "evt.type = openat", "  color: red\n")) ==
        "LOAD_UNKNOWN_KEY Unknown key 'color'. The key will be ignored.\n");
  CHECK(strict_warnings("- {macro: m, condition: proc.name = x, items: []}\n") ==
        "LOAD_UNKNOWN_KEY Unknown key 'items'. The key will be ignored.\n");
  CHECK(strict_warnings("- {list: l, items: [], condition: x}\n") ==
        "LOAD_UNKNOWN_KEY Unknown key 'condition'. The key will be ignored.\n");
  CHECK(warning_places(rule_item("r1", "evt.type = openat", "  color: red\n")) ==
        std::vector<std::string>{"6:3 LOAD_UNKNOWN_KEY"});
  CHECK(strict_warnings("- {something: else}\n") == "LOAD_UNKNOWN_ITEM Unknown top level item\n");
}

TEST_CASE("A28 a key of another kind of item is unknown as well") {
  CHECK(strict_warnings("- {list: l, items: [], priority: INFO}\n") ==
        "LOAD_UNKNOWN_KEY Unknown key 'priority'. The key will be ignored.\n");
  CHECK(strict_warnings("- {macro: m, condition: proc.name = x, output: o}\n") ==
        "LOAD_UNKNOWN_KEY Unknown key 'output'. The key will be ignored.\n");
  // Which kind an item is, the first of these keys that it has decides: list, then macro, then rule.
  const std::string both =
      "- {rule: r, list: l, items: [bash]}\n" + rule_item("r1", "evt.type = execve and proc.name in (l)");
  World world;
  CHECK(hits(both, *exec_event(world)) == "r1 ");
  CHECK(has(strict_warnings(both), "Unknown key 'rule'"));
}

TEST_CASE("A29 deprecated fields are warned about where they stand") {
  for (const char* field : {"evt.dir = <", "evt.latency = 0", "evt.latency.s = 0", "evt.latency.ns = 0",
                            "evt.latency.human = 0ns", "evt.wait_latency = 0"})
    CHECK_MESSAGE(warning_places(rule_item("r1", std::string("evt.type = openat and ") + field)) ==
                      std::vector<std::string>{"3:36 LOAD_DEPRECATED_ITEM"},
                  field);
  const std::string output =
      "- {rule: r1, desc: d, condition: evt.type = openat, output: \"x %evt.dir\", priority: INFO}\n";
  CHECK(warning_places(output) == std::vector<std::string>{"1:65 LOAD_DEPRECATED_ITEM"});
  const std::string macro = "- macro: m\n  condition: >\n    proc.name = x or\n      evt.dir = <\n";
  CHECK(warning_places(macro + rule_item("r1", "evt.type = openat and m")) ==
        std::vector<std::string>{"4:7 LOAD_DEPRECATED_ITEM"});
  CHECK(warning_places(macro) == std::vector<std::string>{"4:7 LOAD_DEPRECATED_ITEM"});
  const Loaded loaded = load(macro, plain_options(true));
  CHECK(has(loaded.diagnostics.render_all(), "rules.yaml:4:7: warning: "));
  CHECK(has(loaded.diagnostics.render_all(), "          evt.dir = <\n          ^\n"));
}

TEST_CASE("A30 ordinary fields are not deprecated") {
  CHECK(strict_warnings(
            rule_item(
                "r1",
                "evt.type = openat and evt.rawtime > 0 and evt.deltatime >= 0 and proc.duration > 1 and evt.time != x"))
            .empty());
}

TEST_CASE("A31 capture and capture_duration") {
  CHECK(!only_rule(kRule).capture);
  CHECK(only_rule(kRule).capture_duration_ms == 0);
  for (const char* yes : {"true", "yes", "On", "Y", "\"yes\"", "'TRUE'"})
    CHECK_MESSAGE(only_rule(kRule + "  capture: " + yes + "\n").capture, yes);
  for (const char* no : {"false", "no", "Off", "n", "\"no\""})
    CHECK_MESSAGE(!only_rule(kRule + "  capture: " + std::string(no) + "\n").capture, no);
  CHECK(only_rule(kRule + "  capture_duration: 2500\n").capture_duration_ms == 2500);
  CHECK(only_rule(kRule + "  capture_duration: \"0x10\"\n").capture_duration_ms == 16);
  for (const char* wrong : {"-1", "1.5", "soon", "4294967296"})
    CHECK_MESSAGE(strict_errors(kRule + "  capture_duration: " + wrong + "\n") ==
                      "LOAD_ERR_YAML_VALIDATE Can't decode YAML scalar value\n",
                  wrong);
  CHECK(strict_errors(kRule + "  capture: maybe\n") == "LOAD_ERR_YAML_VALIDATE Can't decode YAML scalar value\n");
  CHECK(strict_errors(kRule + "  capture:\n") == "LOAD_ERR_YAML_VALIDATE Mapping for key 'capture' is empty\n");
  CHECK(strict_errors(kRule + "  capture: [yes]\n") == "LOAD_ERR_YAML_VALIDATE Value is not a scalar value\n");
}

TEST_CASE("A32 a condition on too many event types is warned about") {
  const std::string message =
      "LOAD_NO_EVTTYPE Rule matches too many evt.type values. This has a significant performance penalty.\n";
  for (const char* broad : {"proc.name = x", "evt.type != openat", "evt.type = openat or proc.name = x", "evt.num > 0",
                            "not (evt.type = openat and proc.name = x)", "evt.type exists"})
    CHECK_MESSAGE(strict_warnings(rule_item("r1", broad)) == message, broad);
  CHECK(strict_warnings(rule_item("r1", "proc.name = x", "  warn_evttypes: false\n")).empty());
  const std::string never = "- {macro: never_true, condition: (evt.num=0)}\n";
  for (const char* narrow : {"evt.type = openat", "proc.name = x and evt.type in (open, openat)",
                             "evt.type=open and evt.type=close", "never_true", "proc.name = x and never_true"})
    CHECK_MESSAGE(strict_warnings(never + rule_item("r1", narrow)).empty(), narrow);
}

TEST_CASE("A33 skip-if-unknown-filter turns an unknown field into a warning and no rule") {
  const std::string text = "evt.type = openat and nosuch.field = x";
  const Loaded loaded =
      load(rule_item("r1", text, "  skip-if-unknown-filter: true\n") + rule_item("r2", "evt.type = openat"),
           plain_options(true));
  CHECK(errors_of(loaded).empty());
  CHECK(warnings_of(loaded) == "LOAD_UNKNOWN_FILTER filter_check called with nonexistent field nosuch.field\n");
  REQUIRE(loaded.rules);
  CHECK(loaded.rules->size() == 1);
  CHECK(!loaded.rules->find("r1"));
  for (const char* extra : {"  skip-if-unknown-filter: false\n", ""})
    CHECK(strict_errors(rule_item("r1", text, extra)) ==
          "LOAD_ERR_COMPILE_CONDITION filter_check called with nonexistent field nosuch.field\n");
}

TEST_CASE("A34 skip-if-unknown-filter also covers event types and outputs, not other mistakes") {
  const std::string skip = "  skip-if-unknown-filter: true\n";
  CHECK(strict_warnings(rule_item("r1", "evt.type = nosuch", skip)) ==
        "LOAD_UNKNOWN_FILTER unknown event type nosuch\n");
  const std::string output =
      "- rule: r1\n  desc: d\n  condition: evt.type = openat\n  output: \"%nosuch.field\"\n  priority: INFO\n" + skip;
  CHECK(strict_errors(output).empty());
  CHECK(has(strict_warnings(output), "LOAD_UNKNOWN_FILTER"));
  CHECK(load(output, plain_options(true)).rules->size() == 0);
  for (const char* condition :
       {"evt.type =", "evt.type = openat and (nosuch.field = x", "evt.arg.nosuch = x", "proc.pid contains x",
        "proc.pid = x", "nosuch.field = x and proc.pid = x", "nosuch_macro"})
    CHECK_MESSAGE(!strict_errors(rule_item("r1", condition, skip)).empty(), condition);
}

TEST_CASE("A35 documents: what is not a list of maps is an error, what is empty is not") {
  CHECK(strict_errors("a: b\n") == "LOAD_ERR_YAML_VALIDATE Rules content is not yaml array of objects\n");
  CHECK(strict_errors("hello\n") == "LOAD_ERR_YAML_VALIDATE Rules content is not yaml\n");
  CHECK(strict_errors("- hello\n") ==
        "LOAD_ERR_YAML_VALIDATE Unexpected element type. Each element should be a yaml associative array.\n");
  for (const char* broken : {"- rule: [\n", "- a: b: c\n", "\t- rule: x\n", "- rule: x\n bad: [}\n"})
    CHECK_MESSAGE(strict_errors(broken).starts_with("LOAD_ERR_YAML_PARSE "), broken);
  for (const char* empty :
       {"", "\n\n", "# only a comment\n", "---\n", "---\n---\n...\n", "[]\n", "~\n", "- \n- ~\n- null\n"})
    CHECK_MESSAGE(load(empty, plain_options(true)).diagnostics.all().empty(), empty);
  // Nothing of a file that is not YAML is kept, not even a document before the mistake.
  CHECK(load(kRule + "---\n- [\n").rules->size() == 0);
}

TEST_CASE("A36 a rule needs condition, output, desc and priority") {
  const std::vector<std::pair<std::string, std::string>> parts = {{"condition", "  condition: evt.type = openat\n"},
                                                                  {"output", "  output: o\n"},
                                                                  {"desc", "  desc: d\n"},
                                                                  {"priority", "  priority: INFO\n"}};
  for (const auto& [key, line] : parts) {
    std::string rest = "- rule: r1\n", empty = rest, null = rest;
    for (const auto& [other, text] : parts)
      if (other != key) rest += text;
    CHECK(strict_errors(rest) == "LOAD_ERR_YAML_VALIDATE Item has no mapping for key '" + key + "'\n");
    CHECK(strict_errors(rest + "  " + key + ":\n") ==
          "LOAD_ERR_YAML_VALIDATE Mapping for key '" + key + "' is empty\n");
    CHECK(strict_errors(rest + "  " + key + ": \"\"\n") == "LOAD_ERR_YAML_VALIDATE Value must be non-empty\n");
    CHECK(strict_errors(rest + "  " + key + ": [x]\n") == "LOAD_ERR_YAML_VALIDATE Value is not a scalar value\n");
  }
}

TEST_CASE("A37 priorities in any case; an unknown one is an error") {
  const std::vector<std::pair<std::string, Priority>> words = {{"EMERGENCY", Priority::kEmergency},
                                                               {"Alert", Priority::kAlert},
                                                               {"critical", Priority::kCritical},
                                                               {"eRRoR", Priority::kError},
                                                               {"WARNING", Priority::kWarning},
                                                               {"Notice", Priority::kNotice},
                                                               {"INFORMATIONAL", Priority::kInformational},
                                                               {"info", Priority::kInformational},
                                                               {"debug", Priority::kDebug}};
  for (const auto& entry : words) {
    const std::string text =
        "- {rule: r, desc: d, output: o, condition: evt.type = openat, priority: " + entry.first + "}\n";
    CHECK_MESSAGE(only_rule(text).priority == entry.second, entry.first);
  }
  for (const char* word : {"HIGH", "warn", "5", "information"})
    CHECK_MESSAGE(strict_errors("- {rule: r, desc: d, output: o, condition: evt.type = openat, priority: " +
                                std::string(word) + "}\n") == "LOAD_ERR_YAML_VALIDATE Invalid priority\n",
                  word);
}

TEST_CASE("A38 a rule of an unknown source is skipped, its condition unread") {
  const Loaded loaded =
      load(rule_item("a", "ka.verb = get and (", "  source: k8s_audit\n") + kRule, plain_options(true));
  CHECK(errors_of(loaded).empty());
  CHECK(warnings_of(loaded) == "LOAD_UNKNOWN_SOURCE Unknown source k8s_audit, skipping\n");
  REQUIRE(loaded.rules);
  CHECK(loaded.rules->size() == 1);
  CHECK(loaded.skipped.empty());
}

TEST_CASE("A39 all documents of a file are read, in order") {
  World world;
  const std::string text = "---\n- {macro: m, condition: proc.name = bash}\n---\n" +
                           rule_item("r1", "evt.type = execve and m") + "...\n---\n# nothing\n---\n" +
                           rule_item("r2", "evt.type = execve");
  CHECK(hits(text, *exec_event(world)) == "r1 r2 ");
}
