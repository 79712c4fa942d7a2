// Rule files: items, keys, definition, append and override, lists, macros, exceptions, and what is said about mistakes.
#include <doctest/doctest.h>

#include "rule_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

const std::string kRule = rule_yaml("evt.type = open", "out", "r1");

std::string strict_errors(const std::string& text) {
  return errors_of(load(text, plain_options(true)));
}
std::string all_warnings(const std::string& text) {
  return warnings_of(load(text, plain_options(true)));
}

const Rule& only(const Loaded& loaded) {
  if (!loaded.rules || loaded.rules->size() != 1)
    throw std::runtime_error("one rule is expected:\n" + loaded.diagnostics.render_all());
  return loaded.rules->rule(0);
}

// The rule's tests as explain() prints them.
std::string program(const std::string& text, const char* name = "r1") {
  const Loaded loaded = load(text, plain_options(true));
  if (!loaded.rules) throw std::runtime_error(loaded.diagnostics.render_all());
  return loaded.rules->explain(*loaded.rules->find(name));
}

}  // namespace

TEST_CASE("rule load: documents") {
  CHECK(strict_errors("").empty());
  CHECK(strict_errors("# only a comment\n").empty());
  CHECK(strict_errors("---\n---\n").empty());
  CHECK(strict_errors("- \n- ~\n").empty());
  CHECK(has(strict_errors("just text"), "LOAD_ERR_YAML_VALIDATE Rules content is not yaml\n"));
  CHECK(has(strict_errors("a: b"), "LOAD_ERR_YAML_VALIDATE Rules content is not yaml array of objects"));
  CHECK(has(strict_errors("- text"), "Unexpected element type"));
  CHECK(has(strict_errors("- rule: [\n"), "LOAD_ERR_YAML_PARSE"));
  CHECK(has(strict_errors("- {a: b: c}"), "LOAD_ERR_YAML_PARSE"));
  CHECK(load(kRule + "---\n" + rule_yaml("evt.type = open", "o", "r2")).rules->size() == 2);
  CHECK(has(all_warnings("- thing: x"), "LOAD_UNKNOWN_ITEM Unknown top level item"));
}

TEST_CASE("rule load: required keys and priorities") {
  const std::vector<std::pair<std::string, std::string>> parts = {{"condition", "  condition: evt.type = open\n"},
                                                                  {"output", "  output: o\n"},
                                                                  {"desc", "  desc: d\n"},
                                                                  {"priority", "  priority: INFO\n"}};
  for (size_t left_out = 0; left_out < parts.size(); ++left_out) {
    std::string text = "- rule: r1\n";
    for (size_t n = 0; n < parts.size(); ++n)
      if (n != left_out) text += parts[n].second;
    CHECK(strict_errors(text) ==
          "LOAD_ERR_YAML_VALIDATE Item has no mapping for key '" + parts[left_out].first + "'\n");
  }
  for (const char* word :
       {"EMERGENCY", "alert", "Critical", "error", "WARNING", "notice", "informational", "INFO", "DeBuG"})
    CHECK(
        strict_errors("- rule: r\n  condition: evt.type=open\n  output: o\n  desc: d\n  priority: " + std::string(word))
            .empty());
  const std::string high = "- rule: r\n  condition: evt.type=open\n  output: o\n  desc: d\n  priority: HIGH\n";
  CHECK(has(strict_errors(high), "Invalid priority"));
  CHECK(only(load(high)).priority == Priority::kError);
  CHECK(only(load(in_rule("evt.type=open", ""))).priority == Priority::kInformational);
  for (auto [word, priority] : {std::pair{"medium", Priority::kWarning}, std::pair{"Low", Priority::kNotice}}) {
    std::string text = high;
    CHECK(only(load(text.replace(text.find("HIGH"), 4, word))).priority == priority);
  }
  CHECK(has(errors_of(load("- rule: r\n  condition: evt.type=open\n  output: o\n  desc: d\n  priority: huge\n")),
            "Invalid priority"));
  CHECK(has(strict_errors("- rule: r\n  condition:\n  output: o\n  desc: d\n  priority: INFO\n"),
            "Mapping for key 'condition' is empty"));
  CHECK(has(strict_errors("- rule: r\n  condition: [a]\n  output: o\n  desc: d\n  priority: INFO\n"),
            "Value is not a scalar value"));
  CHECK(has(strict_errors("- rule: r\n  condition: \"\"\n  output: o\n  desc: d\n  priority: INFO\n"),
            "Value must be non-empty"));
  CHECK(has(strict_errors(in_rule("evt.type=open", "  tags: x\n")), "Value is not a sequence"));
  CHECK(has(strict_errors(in_rule("evt.type=open", "  tags: [[x]]\n")), "sequence value is not scalar"));
  CHECK(has(strict_errors(in_rule("evt.type=open", "  enabled: maybe\n")), "Can't decode YAML scalar value"));
  CHECK(only(load(in_rule("evt.type=open", "  capture: \"yes\"\n  capture_duration: 250\n"))).capture);
  CHECK(only(load(in_rule("evt.type=open", "  capture: \"yes\"\n  capture_duration: 250\n"))).capture_duration_ms ==
        250);
  CHECK(only(load(in_rule("evt.type=open", "  tags: [b, a, b, 5]\n"))).tags == std::vector<std::string>{"5", "a", "b"});
  CHECK(has(all_warnings(in_rule("evt.type=open", "  outptu: x\n")),
            "LOAD_UNKNOWN_KEY Unknown key 'outptu'. The key will be ignored."));
  CHECK(has(all_warnings("- list: l\n  items: []\n  condition: x\n"), "LOAD_UNKNOWN_KEY"));
}

TEST_CASE("rule load: lists") {
  const std::string use = in_rule("proc.name in (l)");
  CHECK(
      has(program("- list: l\n  items: [a]\n- list: l\n  append: true\n  items: [b]\n" + use), "proc.name in (a, b)"));
  CHECK(has(all_warnings("- list: l\n  items: [a]\n- list: l\n  append: true\n  items: [b]\n" + use),
            "LOAD_DEPRECATED_ITEM"));
  CHECK(has(program("- list: l\n  items: [a]\n- list: l\n  override: {items: append}\n  items: [b]\n" + use),
            "proc.name in (a, b)"));
  CHECK(has(program("- list: l\n  items: [a]\n- list: l\n  override: {items: replace}\n  items: [b]\n" + use),
            "proc.name in (b)"));
  CHECK(has(program("- list: l\n  override: {items: replace}\n  items: [b]\n" + use), "proc.name in (b)"));
  CHECK(
      has(strict_errors("- list: l\n  append: true\n  items: [b]\n"),
          "LOAD_ERR_VALIDATE List uses 'append' or 'override.items: append' but no list by that name already exists"));
  CHECK(has(strict_errors("- list: l\n  override: {items: append}\n  items: [b]\n"),
            "no list by that name already exists"));
  CHECK(has(
      strict_errors("- list: l\n  items: [a]\n- list: l\n  append: true\n  override: {items: append}\n  items: [b]\n"),
      "Keys 'override' and 'append: true' cannot be used together"));
  CHECK(has(program("- list: l\n  items: [1, 0x2, yes, a b, '\"c d\"']\n" + use),
            "proc.name in (1, 0x2, yes, \"a b\", \"c d\")"));
  CHECK(has(program("- list: e\n  items: []\n- list: l\n  items: [x]\n" + in_rule("proc.name in (a, e, l)")),
            "proc.name in (a, x)"));
  CHECK(has(program("- list: e\n  items: []\n" + in_rule("proc.name in (e, a)")), "proc.name in (a)"));
  CHECK(has(program("- list: e\n  items: []\n" + in_rule("proc.name in ( e )")), "proc.name in ()"));
  CHECK(has(program("- list: a\n  items: [x, y]\n- list: l\n  items: [a, z]\n" + use), "proc.name in (x, y, z)"));
  CHECK(has(program("- list: l\n  items: [later, z]\n- list: later\n  items: [x]\n" + use), "proc.name in (x, z)"));
  CHECK(has(program("- list: my\n  items: [x]\n" + in_rule("proc.name in (my2, my-list, my)")),
            "proc.name in (my2, my-list, x)"));
  CHECK(has(program("- list: my\n  items: [x]\n" + in_rule("proc.name=my")), "proc.name = x"));
  CHECK(has(all_warnings("- list: a(b\n  items: []\n"), "LOAD_INVALID_LIST_NAME"));
  CHECK(has(all_warnings("- macro: a-b\n  condition: proc.name=x\n"), "LOAD_INVALID_MACRO_NAME"));
}

TEST_CASE("rule load: macros") {
  const std::string m = "- macro: m\n  condition: proc.name = a\n";
  CHECK(has(program(m + in_rule("not m and m")), "proc.name = a"));
  CHECK(
      has(program(m + "- macro: m\n  append: true\n  condition: or proc.name = b\n" + in_rule("m")), "proc.name = b"));
  CHECK(has(program(m + "- macro: m\n  override: {condition: append}\n  condition: or proc.name = b\n" + in_rule("m")),
            "proc.name = b"));
  CHECK(!has(program(m + "- macro: m\n  override: {condition: replace}\n  condition: proc.name = b\n" + in_rule("m")),
             "proc.name = a"));
  CHECK(has(strict_errors("- macro: m\n  override: {condition: append}\n  condition: or a\n"),
            "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists"));
  CHECK(strict_errors("- macro: m\n  override: {condition: replace}\n  condition: proc.name=a\n").empty());
  CHECK(has(strict_errors(in_rule("nosuch")), "LOAD_ERR_VALIDATE Undefined macro 'nosuch' used in filter."));
  CHECK(has(strict_errors("- macro: m\n  condition: m\n"), "Undefined macro 'm'"));
  CHECK(has(strict_errors(m + "- macro: m\n  condition: m or proc.name=b\n"), "reference loop in macro 'm'"));
  CHECK(has(strict_errors("- macro: b\n  condition: m\n" + m), "Undefined macro 'm'"));
  CHECK(program(in_rule("m") + m).find("proc.name = a") != std::string::npos);
  CHECK(strict_errors("- macro: b\n  condition: proc.name=x\n" + m +
                      "- macro: b\n  override: {condition: replace}\n  condition: m\n")
            .empty());
  CHECK(has(strict_errors("- macro: broken\n  condition: and\n"), "LOAD_ERR_COMPILE_CONDITION"));
  // A macro is a subtree, not a text: precedence does not leak.
  World world;
  const Loaded loaded = load("- macro: either\n  condition: proc.name = a or proc.name = bash\n" +
                             in_rule("either and proc.pname = nobody"));
  CHECK(Matcher(loaded.rules).match(*exec_event(world)).empty());
  std::string bomb = "- macro: m0\n  condition: proc.name = x\n";
  for (int n = 1; n < 60; ++n)
    bomb += "- macro: m" + std::to_string(n) + "\n  condition: m" + std::to_string(n - 1) + " or m" +
            std::to_string(n - 1) + "\n";
  CHECK(has(errors_of(load(bomb)), "too large"));
}

TEST_CASE("rule load: append, toggle and override of rules") {
  const std::string two = rule_yaml("evt.type = open", "out", "r1") + "  tags: [a]\n";
  CHECK(only(load(two + "- rule: r1\n  append: true\n  condition: and proc.name = x\n  enabled: false\n")).condition ==
        "evt.type = open and proc.name = x");
  CHECK(only(load(two + "- rule: r1\n  append: true\n  condition: and proc.name = x\n  enabled: false\n")).enabled);
  CHECK(load(two + "- rule: r1\n  enabled: false\n").rules->active_count() == 0);
  CHECK(has(all_warnings(two + "- rule: r1\n  enabled: false\n"), "LOAD_DEPRECATED_ITEM"));
  CHECK(has(strict_errors("- rule: nosuch\n  enabled: false\n"),
            "Rule has 'enabled' key but no rule by that name already exists"));
  CHECK(has(strict_errors("- rule: nosuch\n  append: true\n  condition: and a\n"),
            "Rule uses 'append' or 'override.<key>: append' but no rule"));
  CHECK(has(strict_errors("- rule: nosuch\n  override: {output: replace}\n  output: o\n"),
            "An 'override.<key>: replace' to a rule was requested"));

  const Loaded mixed = load(
      two +
          "- rule: r1\n  override: {condition: append, output: replace, desc: append, priority: replace, tags: append, "
          "enabled: replace}\n  condition: and proc.name = x\n  output: new\n  desc: more\n  priority: ERROR\n  tags: "
          "[b]\n  enabled: false\n",
      plain_options(true));
  CHECK(mixed.diagnostics.all().empty());
  const Rule& rule = only(mixed);
  CHECK(rule.condition == "evt.type = open and proc.name = x");
  CHECK(rule.output == "new");
  CHECK(rule.description == "d more");
  CHECK(rule.priority == Priority::kError);
  CHECK(rule.tags == std::vector<std::string>{"a", "b"});
  CHECK(!rule.enabled);
  CHECK(only(load(two + "- rule: r1\n  override: {tags: replace}\n  tags: [z]\n")).tags ==
        std::vector<std::string>{"z"});

  auto override_error = [&](const std::string& rest) { return strict_errors(two + "- rule: r1\n" + rest); };
  CHECK(has(override_error("  override: {condition: prepend}\n  condition: x\n"),
            "Invalid override operation for key 'condition': 'prepend'. Allowed values are: append, replace"));
  CHECK(has(override_error("  override: {priority: append}\n  priority: INFO\n"),
            "Key 'priority' cannot be appended to, use 'replace' instead"));
  CHECK(has(override_error("  override: {source: replace}\n  source: syscall\n"), "Key 'source' cannot be replaced"));
  CHECK(has(override_error("  override: {enabled: replace}\n"),
            "A replace override for 'enabled' was specified but 'enabled' is not defined"));
  CHECK(has(override_error("  override: {condition: append}\n"),
            "An append override for 'condition' was specified but 'condition' is not defined"));
  CHECK(has(override_error("  override: {condition: append}\n  condition: and a\n  output: x\n"),
            "Unexpected key 'output': no corresponding entry under 'override' is defined."));
  CHECK(has(override_error("  override: {condition: append}\n  append: true\n  condition: and a\n"),
            "cannot be used together"));

  const Loaded again = load(rule_yaml("evt.type = open", "o", "r1") + rule_yaml("evt.type = open", "o", "r2") +
                            rule_yaml("evt.type = execve", "p", "r1"));
  CHECK(again.rules->rule(0).name == "r1");
  CHECK(again.rules->rule(0).output == "p");
  CHECK(has(strict_errors(rule_yaml("evt.type=open", "o", "r") + "  source: syscall\n" +
                          rule_yaml("evt.type=open", "o", "r") + "  source: other\n"),
            "Rule has been re-defined with a different source"));
  CHECK(
      has(all_warnings(rule_yaml("this is ( not parsed", "o", "r") + "  source: k8s_audit\n"), "LOAD_UNKNOWN_SOURCE"));
  CHECK(has(all_warnings(two + "- rule: r1\n  overide: {condition: append}\n  condition: evt.type=open\n  output: o\n  "
                               "desc: d\n  priority: INFO\n"),
            "Unknown key 'overide'"));
}

TEST_CASE("rule load: exceptions") {
  auto compiled = [](const std::string& exceptions) {
    return program(in_rule("evt.type = open", "  exceptions:\n" + exceptions));
  };
  auto errors = [](const std::string& exceptions) {
    return strict_errors(in_rule("evt.type = open", "  exceptions:\n" + exceptions));
  };
  auto warnings = [](const std::string& exceptions) {
    return all_warnings(in_rule("evt.type = open", "  exceptions:\n" + exceptions));
  };

  CHECK(has(compiled("  - {name: e, fields: proc.name, values: [a, 'b c']}\n"), "proc.name in (a, \"b c\")"));
  CHECK(compiled("  - {name: e, fields: proc.name}\n") == program(in_rule("evt.type = open")));
  CHECK(compiled("  - {name: e, fields: [proc.name], values: [[x]]}\n") ==
        program(in_rule("evt.type = open and not proc.name = x")));
  CHECK(compiled("  - {name: e, fields: [proc.name, fd.name], comps: [in, startswith], values: [[[a, b], /tmp], [c, "
                 "/etc]]}\n") == program(in_rule("evt.type = open and not ((proc.name in (a, b) and fd.name startswith "
                                                 "/tmp) or (proc.name in (c) and fd.name startswith /etc))")));
  CHECK(has(compiled("  - {name: e, fields: proc.name, comps: 'startswith   oneof', values: [a, b]}\n"),
            "proc.name startswith oneof (a, b)"));
  CHECK(has(compiled("  - {name: e, fields: [proc.name, proc.pname], comps: [' = oneof ', contains], values: [[[a, b], "
                     "c], ['(d, e)', f]]}\n"),
            "proc.name = oneof (d, e)"));
  CHECK(has(compiled("  - {name: e, fields: ['tolower( proc.name )'], values: [[x]]}\n"), "tolower(proc.name) = x"));
  CHECK(has(compiled("  - {name: e, fields: [proc.name], values: [[toupper(proc.pname)]]}\n"),
            "proc.name = val toupper(proc.pname)"));
  CHECK(
      has(compiled("  - {name: e, fields: [proc.name], values: [[val(proc.pname)]]}\n"), "proc.name = val proc.pname"));
  CHECK(has(warnings("  - {name: e, fields: [proc.name], values: [[proc.pname]]}\n"), "may be a valid field misused"));
  CHECK(has(warnings("  - {name: e, fields: [proc.name], values: [[toupper( proc.pname)]]}\n"),
            "may be a valid field transformer misused"));
  CHECK(has(program("- list: l\n  items: [q, r]\n" +
                    in_rule("evt.type = open",
                            "  exceptions:\n  - {name: e, fields: [proc.name], comps: [in], values: [[l]]}\n")),
            "proc.name in (q, r)"));

  CHECK(has(errors("  - {fields: proc.name, values: [a]}\n"), "Item has no mapping for key 'name'"));
  CHECK(has(errors("  - {name: e, values: [a]}\n"), "Item has no mapping for key 'fields'"));
  CHECK(has(errors("  - text\n"), "Rule exception must be a mapping"));
  CHECK(has(strict_errors(in_rule("evt.type = open", "  exceptions: x\n")), "Rule exceptions must be a sequence"));
  CHECK(has(errors("  - {name: e, fields: proc.name, values: a}\n"), "Rule exception values must be a sequence"));
  CHECK(has(errors("  - {name: e, fields: [proc.name, fd.name], comps: [in], values: []}\n"),
            "Fields and comps lists must have equal length"));
  CHECK(has(errors("  - {name: e, fields: [proc.name, fd.name], values: [[a]]}\n"),
            "Fields and values lists must have equal length"));
  CHECK(has(errors("  - {name: e, fields: proc.name, comps: [in], values: [a]}\n"),
            "Fields and comps must both be strings"));
  CHECK(has(errors("  - {name: e, fields: proc.name, comps: '=', values: [a]}\n"), "comps must be one of"));
  CHECK(has(errors("  - {name: e, fields: proc.name, comps: 'in oneof', values: [a]}\n"), "comps must be one of"));
  CHECK(has(errors("  - {name: e, fields: [proc.name], comps: ['> oneof'], values: []}\n"),
            "is not a supported comparison operator"));
  CHECK(has(errors("  - {name: e, fields: [proc.name], comps: [oneof], values: []}\n"),
            "is not a supported comparison operator"));
  CHECK(has(errors("  - {name: e, fields: [proc.nam], values: []}\n"), "'proc.nam' is not a supported filter field"));
  CHECK(has(warnings("  - {name: e, fields: proc.name}\n  - {name: e, fields: proc.name}\n"),
            "LOAD_EXCEPTION_NAME_NOT_UNIQUE"));

  const std::string base =
      in_rule("evt.type = open", "  exceptions:\n  - {name: e, fields: [proc.name], values: [[a]]}\n");
  CHECK(has(program(base + "- rule: r1\n  append: true\n  exceptions:\n  - {name: e, values: [[b]]}\n"),
            "proc.name = b"));
  CHECK(
      has(program(base + "- rule: r1\n  override: {exceptions: append}\n  exceptions:\n  - {name: e, values: [[b]]}\n"),
          "proc.name = b"));
  CHECK(
      has(all_warnings(base + "- rule: r1\n  append: true\n  exceptions:\n  - {name: e}\n"), "LOAD_APPEND_NO_VALUES"));
  CHECK(has(
      strict_errors(base +
                    "- rule: r1\n  append: true\n  exceptions:\n  - {name: e, fields: [proc.name], values: [[b]]}\n"),
      "Can not append exception fields to existing exception, only values"));
  CHECK(has(strict_errors(base + "- rule: r1\n  append: true\n  exceptions:\n  - {name: new, values: [[b]]}\n"),
            "must have fields property"));
  CHECK(has(strict_errors(
                base + "- rule: r1\n  override: {exceptions: replace}\n  exceptions:\n  - {name: e, values: [[b]]}\n"),
            "Item has no mapping for key 'fields'"));
  CHECK(!has(program(base + "- rule: r1\n  override: {exceptions: replace}\n  exceptions:\n  - {name: e, fields: "
                            "proc.name, values: [z]}\n"),
             "proc.name = a"));
}

TEST_CASE("rule load: required versions") {
  for (const char* version : {"2", "0.57.0", "0.63.0"})
    CHECK(strict_errors("- required_engine_version: " + std::string(version) + "\n").empty());
  CHECK(has(strict_errors("- required_engine_version: soon\n"),
            "Unable to parse engine version 'soon' as a semver string"));
  for (const char* version : {"64", "0.64.0", "1.0.0"})
    CHECK(has(strict_errors("- required_engine_version: " + std::string(version) + "\n"),
              "but engine version is 0.63.0"));
  auto plugins = [](const std::string& text) { return strict_errors("- required_plugin_versions:\n" + text); };
  CHECK(plugins("  - {name: container, version: 0.4.0}\n").empty());
  CHECK(plugins("  - {name: nosuch, version: 0.1.0, alternatives: [{name: container, version: 0.2.0}]}\n").empty());
  CHECK(has(plugins("  - {name: json, version: 0.1.0}\n"),
            "Plugin requirement not satisfied, must load one of: json (>= 0.1.0)"));
  CHECK(has(plugins("  - {name: container, version: x}\n"), "Plugin requirement: "));
  CHECK(has(plugins("  - {name: a, version: 0.1.0, alternatives: [{name: a, version: 0.2.0}]}\n"), "is named twice"));
  CHECK(has(plugins("  - {name: a}\n"), "Item has no mapping for key 'version'"));
}

TEST_CASE("rule load: unknown filters can be skipped, other mistakes cannot") {
  const std::string skip = "  skip-if-unknown-filter: true\n";
  for (const char* condition : {"evt.type = open and nosuch.field = x", "evt.type = nosuch"}) {
    const Loaded loaded = load(in_rule(condition, skip), plain_options(true));
    CHECK(errors_of(loaded).empty());
    CHECK(has(warnings_of(loaded), "LOAD_UNKNOWN_FILTER"));
    CHECK(loaded.rules->size() == 0);
    CHECK(!strict_errors(in_rule(condition)).empty());
  }
  const std::string output =
      "- rule: r1\n  desc: d\n  condition: evt.type = open\n  output: x=%nosuch.field\n  priority: INFO\n";
  CHECK(has(strict_errors(output), "LOAD_ERR_COMPILE_OUTPUT"));
  CHECK(strict_errors(output + skip).empty());
  for (const char* condition : {"evt.arg.nosuch = x", "proc.pid contains x", "evt.type ="})
    CHECK(!strict_errors(in_rule(condition, skip)).empty());
}

TEST_CASE("rule load: warnings about conditions and outputs") {
  CHECK(has(all_warnings(in_rule("proc.name = x")), "LOAD_NO_EVTTYPE"));
  CHECK(!has(all_warnings(in_rule("proc.name = x", "  warn_evttypes: false\n")), "LOAD_NO_EVTTYPE"));
  CHECK(all_warnings(in_rule("evt.type = open and proc.name = x")).empty());
  CHECK(all_warnings(in_rule("evt.type=open and evt.type=close")).empty());
  CHECK(all_warnings(in_rule("evt.num = 0")).empty());
  CHECK(has(all_warnings(in_rule("evt.type = open and evt.dir = <")), "LOAD_DEPRECATED_ITEM"));
  CHECK(has(all_warnings(
                "- rule: r1\n  desc: d\n  condition: evt.type = open\n  output: \"%evt.latency\"\n  priority: INFO\n"),
            "LOAD_DEPRECATED_ITEM"));
  const Loaded info =
      load("- rule: r1\n  desc: d\n  condition: evt.type = open\n  output: \"a %container.info b\"\n  priority: INFO\n",
           plain_options(true));
  CHECK(has(warnings_of(info), "LOAD_DEPRECATED_ITEM"));
  CHECK(only(info).output == "a  b");
  CHECK(has(all_warnings(in_rule("evt.type = open and proc.name regex .*ssh.*")), "LOAD_COMPILE_CONDITION"));
  CHECK(!has(all_warnings(in_rule("evt.type = open and proc.name regex s+h")), "LOAD_COMPILE_CONDITION"));
  CHECK(has(all_warnings(in_rule("evt.type = open and proc.name = proc.pname")), "LOAD_COMPILE_CONDITION"));
  LoadOptions options = plain_options(true);
  options.warn_unused = true;
  const std::string unused =
      warnings_of(load("- list: l\n  items: []\n- macro: m\n  condition: proc.name = x\n", options));
  CHECK(has(unused, "LOAD_UNUSED_LIST"));
  CHECK(has(unused, "LOAD_UNUSED_MACRO"));
}
