// Check-list A1 to A23: append, override, toggles, redefinition and sources, by what the loaded rules then match.
#include <doctest/doctest.h>

#include "check_rules_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;
using tiercel::Diagnostic;

namespace {

// bash, child of sshd, opens /etc/passwd with openat.
struct Scene {
  World world;
  TestEvent exec = exec_event(world);
  TestEvent open = open_event(world);
};

const std::string kBase = rule_item("r1", "evt.type = openat", "  tags: [a]\n");

std::vector<std::string> none() {
  return {};
}

}  // namespace

TEST_CASE("A1 a list append adds its items at the end, and the old key is deprecated") {
  const std::string text = R"(
- list: l
  items: [zsh]
- list: l
  append: true
  items: [bash, fish]
)" + rule_item("r1", "evt.type = execve and proc.name in (l)");
  Scene scene;
  CHECK(hits(text, *scene.exec) == "r1 ");
  const Loaded loaded = load(text, plain_options(true));
  CHECK(has(loaded.rules->explain(0), "proc.name in (zsh, bash, fish)"));
  CHECK(places(loaded, Diagnostic::Severity::kWarning) == std::vector<std::string>{"5:11 LOAD_DEPRECATED_ITEM"});
}

TEST_CASE("A2 an appended condition is joined with one blank") {
  CHECK(only_rule(kBase + "- {rule: r1, append: true, condition: and proc.name = x}\n").condition ==
        "evt.type = openat and proc.name = x");
  const std::string macro =
      "- {macro: m, condition: proc.name = zsh}\n- {macro: m, append: true, condition: or "
      "proc.pname = sshd}\n";
  Scene scene;
  CHECK(hits(macro + rule_item("r1", "evt.type = execve and m"), *scene.exec) == "r1 ");
  CHECK(hits(macro + rule_item("r1", "evt.type = execve and not m"), *scene.exec).empty());
  CHECK(strict_warnings(macro + rule_item("r1", "evt.type = execve and m")) ==
        "LOAD_DEPRECATED_ITEM 'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under "
        "'override' instead.\n");
  // Without an operator the two texts do not make a condition.
  CHECK(has(strict_errors(kBase + "- {rule: r1, append: true, condition: proc.name = x}\n"),
            "LOAD_ERR_COMPILE_CONDITION"));
}

TEST_CASE("A3 override condition append joins and leaves the rest of the rule") {
  const std::string text = kBase + R"(
- rule: r1
  condition: and proc.name = bash
  override:
    condition: append
)";
  const Rule rule = only_rule(text);
  CHECK(rule.condition == "evt.type = openat and proc.name = bash");
  CHECK(rule.priority == Priority::kInformational);
  CHECK(rule.output == "o");
  CHECK(rule.description == "d");
  CHECK(rule.tags == std::vector<std::string>{"a"});
  CHECK(strict_warnings(text).empty());
  Scene scene;
  CHECK(hits(text, *scene.open) == "r1 ");
}

TEST_CASE("A4 override replace of every key, alone and together") {
  auto replaced = [](const std::string& keys, const std::string& values) {
    return only_rule(kBase + "- rule: r1\n  override: {" + keys + "}\n" + values);
  };
  CHECK(replaced("condition: replace", "  condition: evt.type = execve\n").condition == "evt.type = execve");
  CHECK(replaced("output: replace", "  output: new\n").output == "new");
  CHECK(replaced("desc: replace", "  desc: new\n").description == "new");
  CHECK(replaced("priority: replace", "  priority: ALERT\n").priority == Priority::kAlert);
  CHECK(replaced("tags: replace", "  tags: [z]\n").tags == std::vector<std::string>{"z"});
  CHECK(!replaced("enabled: replace", "  enabled: false\n").enabled);
  CHECK(replaced("capture: replace", "  capture: true\n").capture);
  CHECK(replaced("capture_duration: replace", "  capture_duration: 9\n").capture_duration_ms == 9);
  const std::string broad = rule_item("r1", "proc.name = bash");
  CHECK(has(strict_warnings(broad), "LOAD_NO_EVTTYPE"));
  CHECK(strict_warnings(broad + "- {rule: r1, warn_evttypes: false, override: {warn_evttypes: replace}}\n").empty());
  const std::string unknown = rule_item("r1", "evt.type = openat and nosuch.field = 1");
  CHECK(has(strict_errors(unknown), "nonexistent field nosuch.field"));
  CHECK(strict_errors(unknown + "- {rule: r1, skip-if-unknown-filter: true, override: {skip-if-unknown-filter: "
                                "replace}}\n")
            .empty());
  const Rule all = replaced(
      "condition: replace, output: replace, desc: replace, priority: replace, tags: replace, enabled: replace, "
      "warn_evttypes: replace, skip-if-unknown-filter: replace, capture: replace, capture_duration: replace",
      "  condition: evt.type = execve\n  output: n\n  desc: n\n  priority: ERROR\n  tags: [n]\n  enabled: false\n  "
      "warn_evttypes: false\n  skip-if-unknown-filter: true\n  capture: true\n  capture_duration: 3\n");
  CHECK(all.condition == "evt.type = execve");
  CHECK(all.output == "n");
  CHECK(all.priority == Priority::kError);
  CHECK(all.tags == std::vector<std::string>{"n"});
  CHECK(!all.enabled);
  CHECK(all.capture_duration_ms == 3);
}

TEST_CASE("A5 append and replace in one item are both done") {
  const Rule rule = only_rule(kBase + R"(
- rule: r1
  condition: and proc.name = bash
  output: another
  tags: [b]
  desc: more
  override: {condition: append, output: replace, tags: append, desc: append}
)");
  CHECK(rule.condition == "evt.type = openat and proc.name = bash");
  CHECK(rule.output == "another");
  CHECK(rule.tags == std::vector<std::string>{"a", "b"});
  CHECK(rule.description == "d more");
}

TEST_CASE("A6 an override that is neither append nor replace is an error") {
  const std::string text = kBase + "- rule: r1\n  condition: and proc.name = x\n  override: {condition: prepend}\n";
  CHECK(
      strict_errors(text).starts_with("LOAD_ERR_YAML_VALIDATE Invalid override operation for key 'condition': "
                                      "'prepend'. Allowed values are: append, replace\n"));
  CHECK(error_places(text)[0] == "9:25 LOAD_ERR_YAML_VALIDATE");
  for (const char* item : {"- {list: l, items: [a], override: {items: prepend}}\n",
                           "- {macro: m, condition: proc.name = a, override: {condition: true}}\n"})
    CHECK(has(strict_errors(item), "Invalid override operation for key"));
}

TEST_CASE("A7 keys that can only be replaced cannot be appended to") {
  for (const char* key :
       {"priority", "enabled", "warn_evttypes", "skip-if-unknown-filter", "capture", "capture_duration"}) {
    const std::string item = std::string("- {rule: r1, ") + key + ": 1, override: {" + key + ": append}}\n";
    CHECK_MESSAGE(has(strict_errors(kBase + item), std::string("LOAD_ERR_YAML_VALIDATE Key '") + key +
                                                       "' cannot be appended to, use 'replace' instead"),
                  key);
  }
  for (const char* key : {"source", "rule", "nosuch"})
    CHECK_MESSAGE(has(strict_errors(kBase + "- {rule: r1, override: {" + key + ": replace}}\n"),
                      std::string("LOAD_ERR_YAML_VALIDATE Key '") + key + "' cannot be replaced"),
                  key);
}

TEST_CASE("A8 append together with override is an error, whatever append says") {
  const std::string message =
      "LOAD_ERR_YAML_VALIDATE Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. "
      "'condition: append') under 'override' instead.";
  for (const char* value : {"true", "false"}) {
    const std::string both = std::string(", append: ") + value + ", override: ";
    CHECK(has(strict_errors(kBase + "- {rule: r1, condition: and proc.name = x" + both + "{condition: append}}\n"),
              message));
    CHECK(has(strict_errors("- {list: l, items: [a]}\n- {list: l, items: [b]" + both + "{items: append}}\n"), message));
    CHECK(has(strict_errors("- {macro: m, condition: proc.name = a}\n- {macro: m, condition: or proc.name = b" + both +
                            "{condition: append}}\n"),
              message));
  }
}

TEST_CASE("A9 macro override append before the definition is an error, replace is not") {
  CHECK(strict_errors("- {macro: m, condition: or proc.name = b, override: {condition: append}}\n- {macro: m, "
                      "condition: proc.name = a}\n") ==
        "LOAD_ERR_VALIDATE Macro uses 'append' or 'override.condition: append' but no macro by that name already "
        "exists\n");
  CHECK(
      has(strict_errors("- {macro: m, condition: or proc.name = b, append: true}\n"), "LOAD_ERR_VALIDATE Macro uses"));
  const std::string replace = "- {macro: m, condition: proc.name = bash, override: {condition: replace}}\n";
  Scene scene;
  CHECK(hits(replace + rule_item("r1", "evt.type = execve and m"), *scene.exec) == "r1 ");
  CHECK(hits(replace + "- {macro: m, condition: proc.name = zsh}\n" + rule_item("r1", "evt.type = execve and m"),
             *scene.exec)
            .empty());
}

TEST_CASE("A10 list override append before the definition is an error, replace is not") {
  CHECK(strict_errors("- {list: l, items: [b], override: {items: append}}\n- {list: l, items: [a]}\n") ==
        "LOAD_ERR_VALIDATE List uses 'append' or 'override.items: append' but no list by that name already exists\n");
  CHECK(has(strict_errors("- {list: l, items: [b], append: true}\n"), "LOAD_ERR_VALIDATE List uses"));
  const std::string replace = "- {list: l, items: [bash], override: {items: replace}}\n";
  Scene scene;
  CHECK(hits(replace + rule_item("r1", "evt.type = execve and proc.name in (l)"), *scene.exec) == "r1 ");
}

TEST_CASE("A11 rule append and replace before the definition are both errors") {
  const std::string append =
      "LOAD_ERR_VALIDATE Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists\n";
  const std::string later = rule_item("r1", "evt.type = openat");
  CHECK(strict_errors("- {rule: r1, condition: and a, append: true}\n" + later).starts_with(append));
  CHECK(strict_errors("- {rule: r1, condition: and a, override: {condition: append}}\n" + later).starts_with(append));
  CHECK(strict_errors("- {rule: r1, condition: proc.name = a, override: {condition: replace}}\n" + later)
            .starts_with("LOAD_ERR_VALIDATE An 'override.<key>: replace' to a rule was requested but no rule by that "
                         "name already exists\n"));
  CHECK(error_places("- {rule: r1, condition: and a, override: {condition: append}}\n" + later)[0] ==
        "1:10 LOAD_ERR_VALIDATE");
}

TEST_CASE("A12 append after the definition, in the same file or in another") {
  const std::string first = "- {list: l, items: [zsh]}\n- {macro: m, condition: proc.name in (l)}\n" +
                            rule_item("r1", "evt.type = execve and m");
  const std::string second =
      "- {list: l, items: [ksh], override: {items: append}}\n"
      "- {macro: m, condition: or proc.name = bash, override: {condition: append}}\n"
      "- {rule: r1, condition: and proc.pname = sshd, override: {condition: append}}\n";
  Scene scene;
  CHECK(hits(first, *scene.exec).empty());
  CHECK(hits(first + second, *scene.exec) == "r1 ");
  CHECK(hits({{"a.yaml", first}, {"b.yaml", second}}, *scene.exec) == "r1 ");
  const Loaded loaded = load_texts({{"a.yaml", first}, {"b.yaml", second}}, plain_options(true));
  CHECK(has(loaded.rules->explain(0), "proc.name in (zsh, ksh)"));
  CHECK(has(loaded.rules->explain(0), "proc.pname = sshd"));
}

TEST_CASE("A13 a misspelt override is an unknown key, and the item a plain redefinition") {
  // Falco's separate JSON schema check, which would only be logged, does not exist here.
  const std::string text = kBase + rule_item("r1", "evt.type = execve", "  overrides: {condition: append}\n");
  CHECK(strict_warnings(text) == "LOAD_UNKNOWN_KEY Unknown key 'overrides'. The key will be ignored.\n");
  const Rule rule = only_rule(text);
  CHECK(rule.condition == "evt.type = execve");
  CHECK(rule.tags.empty());
}

TEST_CASE("A14 override and keys have to name each other") {
  CHECK(has(strict_errors(kBase + "- {rule: r1, override: {enabled: replace}}\n"),
            "LOAD_ERR_YAML_VALIDATE A replace override for 'enabled' was specified but 'enabled' is not defined\n"));
  CHECK(
      has(strict_errors(kBase + "- {rule: r1, override: {condition: append}}\n"),
          "LOAD_ERR_YAML_VALIDATE An append override for 'condition' was specified but 'condition' is not defined\n"));
  CHECK(has(strict_errors(kBase + "- {rule: r1, condition: and proc.name = x, priority: ERROR, override: {condition: "
                                  "append}}\n"),
            "LOAD_ERR_YAML_VALIDATE Unexpected key 'priority': no corresponding entry under 'override' is defined.\n"));
}

TEST_CASE("A15 a disabled rule gets a longer condition and is switched on at once") {
  const std::string text = rule_item("r1", "evt.type = execve", "  enabled: false\n") + R"(
- rule: r1
  condition: and proc.name = bash
  enabled: true
  override: {condition: append, enabled: replace}
)";
  CHECK(load(text, plain_options(true)).diagnostics.all().empty());
  Scene scene;
  CHECK(hits(text, *scene.exec) == "r1 ");
  CHECK(only_rule(text).condition == "evt.type = execve and proc.name = bash");
}

TEST_CASE("A16 override enabled replace flips the state, both ways, also alone") {
  Scene scene;
  const std::string on = rule_item("r1", "evt.type = execve");
  const std::string off = rule_item("r1", "evt.type = execve", "  enabled: false\n");
  const std::string turn_off = "- {rule: r1, enabled: false, override: {enabled: replace}}\n";
  const std::string turn_on = "- {rule: r1, enabled: true, override: {enabled: replace}}\n";
  CHECK(hits(on, *scene.exec) == "r1 ");
  CHECK(hits(on + turn_off, *scene.exec).empty());
  CHECK(hits(off + turn_on, *scene.exec) == "r1 ");
  CHECK(hits(on + turn_off + turn_on, *scene.exec) == "r1 ");
  CHECK(strict_warnings(on + turn_off).empty());
}

TEST_CASE("A17 override of exceptions: append may be partial, replace needs fields") {
  const std::string base = rule_item(
      "r1", "evt.type = execve", "  exceptions:\n  - {name: e, fields: [proc.name], comps: [=], values: [[zsh]]}\n");
  const std::string append =
      "- rule: r1\n  override: {exceptions: append}\n  exceptions:\n  - {name: e, values: [[bash]]}\n";
  Scene scene;
  CHECK(hits(base, *scene.exec) == "r1 ");
  CHECK(hits(base + append, *scene.exec).empty());
  const std::string replace =
      "- rule: r1\n  override: {exceptions: replace}\n  exceptions:\n  - {name: e, values: [[bash]]}\n";
  CHECK(has(strict_errors(base + replace), "LOAD_ERR_YAML_VALIDATE Item has no mapping for key 'fields'\n"));
  const std::string whole =
      "- rule: r1\n  override: {exceptions: replace}\n  exceptions:\n  - {name: x, fields: "
      "proc.pname, values: [cron]}\n";
  CHECK(hits(base + append + whole, *scene.exec) == "r1 ");
}

TEST_CASE("A18 a rule that is not enabled is compiled and never matched") {
  Scene scene;
  CHECK(hits(rule_item("r1", "evt.type = execve", "  enabled: false\n") + rule_item("r2", "evt.type = execve"),
             *scene.exec) == "r2 ");
  CHECK(load(rule_item("r1", "evt.type = execve", "  enabled: false\n")).rules->size() == 1);
  CHECK(has(strict_errors(rule_item("r1", "evt.type = execve and nosuch.field = 1", "  enabled: false\n")),
            "LOAD_ERR_COMPILE_CONDITION filter_check called with nonexistent field nosuch.field\n"));
}

TEST_CASE("A19 enabled alone switches a rule that exists") {
  Scene scene;
  const std::string on = rule_item("r1", "evt.type = execve");
  CHECK(hits(on + "- {rule: r1, enabled: false}\n", *scene.exec).empty());
  CHECK(hits(on + "- {rule: r1, enabled: false}\n- {rule: r1, enabled: true}\n", *scene.exec) == "r1 ");
  CHECK(strict_warnings(on + "- {rule: r1, enabled: false}\n") ==
        "LOAD_DEPRECATED_ITEM The standalone 'enabled' key usage is deprecated. The correct approach requires also a "
        "'replace' entry under the 'override' key (i.e. 'enabled: replace').\n");
  CHECK(strict_errors("- {rule: nosuch, enabled: false}\n") ==
        "LOAD_ERR_VALIDATE Rule has 'enabled' key but no rule by that name already exists\n");
  CHECK(strict_errors("- {rule: r1}\n") == "LOAD_ERR_YAML_VALIDATE Item has no mapping for key 'enabled'\n");
}

TEST_CASE("A20 append true ignores enabled and everything but condition and exceptions") {
  const Rule rule = only_rule(kBase +
                              "- {rule: r1, append: true, condition: and proc.name = x, enabled: false, "
                              "priority: ALERT, tags: [z], output: other, desc: other}\n");
  CHECK(rule.enabled);
  CHECK(rule.priority == Priority::kInformational);
  CHECK(rule.tags == std::vector<std::string>{"a"});
  CHECK(rule.output == "o");
  CHECK(rule.description == "d");
  CHECK(only_rule(kBase + "- {rule: r1, append: true}\n").condition == "evt.type = openat");
}

TEST_CASE("A21 the last definition of a rule wins and keeps the first one's place") {
  const std::string text = rule_item("r1", "evt.type = openat", "  enabled: false\n  tags: [x]\n") +
                           rule_item("r2", "evt.type = execve") + rule_item("r1", "evt.type = execve");
  Scene scene;
  CHECK(hits(text, *scene.exec) == "r1 r2 ");
  CHECK(hits(text, *scene.open).empty());
  CHECK(load(text).rules->rule(0).tags.empty());
}

TEST_CASE("A22 a different source is an error when it is written") {
  const std::string message = "LOAD_ERR_VALIDATE Rule has been re-defined with a different source\n";
  const std::string base = rule_item("r1", "evt.type = openat", "  source: syscall\n");
  CHECK(has(strict_errors(base + rule_item("r1", "evt.type = openat", "  source: other\n")), message));
  CHECK(
      has(strict_errors(base + "- {rule: r1, append: true, source: other, condition: and proc.name = x}\n"), message));
  CHECK(has(strict_errors(base + "- {rule: r1, source: other, condition: proc.name = x, override: {condition: "
                                 "replace}}\n"),
            message));
  CHECK(strict_errors(base + "- {rule: r1, condition: proc.name = x, override: {condition: replace}}\n").empty());
}

TEST_CASE("A23 an empty source never conflicts") {
  const std::string base = rule_item("r1", "evt.type = openat", "  source: syscall\n");
  for (const char* source : {"  source: \"\"\n", "  source:\n", ""}) {
    CHECK(strict_errors(base + rule_item("r1", "evt.type = execve", source)).empty());
    CHECK(strict_errors(base + "- rule: r1\n  append: true\n  condition: and proc.name = x\n" + source).empty());
    CHECK(error_places(rule_item("r1", "evt.type = openat", source) + rule_item("r1", "evt.type = openat", source)) ==
          none());
  }
  CHECK(only_rule(rule_item("r1", "evt.type = openat", "  source:\n")).source == "syscall");
}
