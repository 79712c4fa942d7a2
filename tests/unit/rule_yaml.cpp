// YAML as people write it: what decides the text of a condition, and what must not.
#include <doctest/doctest.h>

#include "check_rules_support.h"

using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

std::string with_condition(const std::string& block) {
  return "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: " + block;
}

std::string crlf(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '\n' ? "\r\n" : std::string(1, c);
  return out;
}

// The position of the only error.
std::string place(const std::string& text) {
  const auto all = error_places(text);
  return all.size() == 1 ? all[0].substr(0, all[0].find(' ')) : std::to_string(all.size()) + " errors";
}

}  // namespace

TEST_CASE("rule yaml: every style of scalar gives the same condition") {
  World world;
  const std::string plain = only_rule(with_condition("evt.type = execve and proc.name = bash\n")).condition;
  for (const char* block :
       {"evt.type = execve\n    and proc.name = bash\n", "\"evt.type = execve and proc.name = bash\"\n",
        "'evt.type = execve and proc.name = bash'\n", ">-\n    evt.type = execve\n    and proc.name = bash\n",
        "evt.type = execve and proc.name = bash   # a comment\n",
        "\"evt.type = execve \\\n     and proc.name = bash\"\n", "!!str evt.type = execve and proc.name = bash\n",
        "&c evt.type = execve and proc.name = bash\n"}) {
    CHECK_MESSAGE(only_rule(with_condition(block)).condition == plain, block);
  }
  for (const char* block : {">\n    evt.type = execve\n\n      and proc.name\n      = bash\n",
                            "|\n    evt.type = execve\n    and\n\n    proc.name = bash\n",
                            "|+2\n    evt.type = execve\n     and proc.name = bash\n\n"})
    CHECK_MESSAGE(hits(with_condition(block), *exec_event(world)) == "r ", block);
  CHECK(only_rule(with_condition(">\n    evt.type = execve\n    and\n      proc.name = bash\n    and proc.pid = 1\n"))
            .condition == "evt.type = execve and\n  proc.name = bash\nand proc.pid = 1\n");
}

TEST_CASE("rule yaml: Windows line ends, a byte order mark and tabs") {
  World world;
  const std::string text =
      "- macro: m\n  condition: >\n    proc.name = bash or\n    proc.name = zsh\n- list: l\n  items:\n "
      "   - sshd\n    - a b\n" +
      with_condition("|\n    evt.type = execve and m\n    and\tproc.pname\tin\t(l)\n");
  for (const std::string& form : {text, crlf(text), "\xEF\xBB\xBF" + text, "\xEF\xBB\xBF" + crlf(text)}) {
    CHECK(load(form, plain_options(true)).diagnostics.all().empty());
    CHECK(hits(form, *exec_event(world)) == "r ");
  }
  const std::string wrong = with_condition(">\n    evt.type = execve and\n    proc.pid = x\n");
  CHECK(place(wrong) == "7:16");
  CHECK(place(crlf(wrong)) == "7:16");
  CHECK(place("\xEF\xBB\xBF" + wrong) == "7:16");
  CHECK(place(with_condition("|\n    evt.type = execve and\n    \tproc.pid = x\n")) == "7:17");
  // A tab that indents a block is not YAML.
  CHECK(has(strict_errors("- rule: r\n\tdesc: d\n"), "LOAD_ERR_YAML_PARSE"));
}

TEST_CASE("rule yaml: anchors and aliases, also between documents") {
  World world;
  const std::string text =
      "- &base\n  list: a\n  items: &items [bash, zsh]\n- list: b\n  items: *items\n- macro: m\n  "
      "condition: &cond proc.name in (b)\n- macro: n\n  condition: *cond\n" +
      rule_item("r", "evt.type = execve and m and n", "  tags: *items\n");
  CHECK(hits(text, *exec_event(world)) == "r ");
  CHECK(only_rule(text).tags == std::vector<std::string>{"bash", "zsh"});
  // An anchor ends with its document.
  CHECK(has(strict_errors("- {list: a, items: &x [b]}\n---\n- {list: b, items: *x}\n"), "LOAD_ERR_YAML_PARSE"));
  CHECK(has(strict_errors("- {list: a, items: *nosuch}\n"), "LOAD_ERR_YAML_PARSE"));
  // What an alias brings in is told where the anchor is.
  CHECK(place("- {macro: m, condition: &c proc.pid = x}\n- {macro: n, condition: *c}\n" +
              rule_item("r", "evt.type = execve and n")) == "1:39");
  // A merge key is a key like any other, as for Falco.
  CHECK(has(strict_warnings("- &b {list: a, items: [x]}\n- {list: c, items: [y], <<: *b}\n"),
            "LOAD_UNKNOWN_KEY Unknown key '<<'"));
}

TEST_CASE("rule yaml: list items keep their source text; null and nested ones are refused") {
  const std::string list =
      "- list: l\n  items: [1, 0x1F, 1e3, 3.10, true, Yes, on, \"no\", 'null', -5, 2024-01-01, 12:30]\n";
  CHECK(
      has(load(list + rule_item("r", "evt.type = execve and proc.name in (l)"), plain_options(true)).rules->explain(0),
          "(1, 0x1F, 1e3, 3.10, true, Yes, on, no, null, -5, 2024-01-01, 12:30)"));
  for (const char* items : {"[a, ~]", "[null]", "[a, ]  # fine\n  bad: [", "[[a]]", "[{a: b}]"})
    CHECK_MESSAGE(!strict_errors("- list: l\n  items: " + std::string(items) + "\n").empty(), items);
  CHECK(strict_errors("- list: l\n  items: [a, ~]\n") == "LOAD_ERR_YAML_VALIDATE sequence value is not scalar\n");
  CHECK(strict_errors("- list: l\n  items:\n") == "LOAD_ERR_YAML_VALIDATE Value is not a sequence\n");
  CHECK(strict_errors("- list: l\n") == "LOAD_ERR_YAML_VALIDATE Item has no mapping for key 'items'\n");
  CHECK(strict_errors("- list:\n  items: [a]\n") == "LOAD_ERR_YAML_VALIDATE Mapping for key 'list' is empty\n");
  CHECK(strict_errors("- list: l\n  items:\n  - a\n  -\n") == "LOAD_ERR_YAML_VALIDATE sequence value is not scalar\n");
}

TEST_CASE("rule yaml: a key given twice counts once, the first time") {
  const std::string text = rule_item("r", "evt.type = execve",
                                     "  condition: evt.type = connect\n  enabled: true\n  enabled: "
                                     "false\n");
  CHECK(only_rule(text).condition == "evt.type = execve");
  CHECK(only_rule(text).enabled);
  CHECK(has(strict_warnings(text), "LOAD_UNKNOWN_KEY the key 'condition' is given twice; the first one counts"));
  CHECK(warning_places(text).size() == 2);
}

TEST_CASE("rule yaml: documents, and items on either side of their ends") {
  World world;
  const std::string text =
      "%YAML 1.2\n---\n- list: l\n  items: [zsh]\n...\n---\n- list: l\n  items: [bash]\n  override: "
      "{items: append}\n---\n" +
      rule_item("r", "evt.type = execve and proc.name in (l)") + "---\n~\n---\n[]\n";
  CHECK(load(text, plain_options(true)).diagnostics.all().empty());
  CHECK(hits(text, *exec_event(world)) == "r ");
  // A document that is no list spoils the file for Falco; the items of the others are still looked at.
  CHECK(strict_errors("- {list: l, items: x}\n---\na: b\n") ==
        "LOAD_ERR_YAML_VALIDATE Value is not a sequence\nLOAD_ERR_YAML_VALIDATE Rules content is not yaml array of "
        "objects\n");
}

TEST_CASE("rule yaml: large lists and deep conditions") {
  std::string items;
  for (int n = 0; n < 20'000; ++n) items += (n > 0 ? ", p" : "p") + std::to_string(n);
  World world;
  world.runs("p19999", {"p19999"});
  const std::string text = "- list: big\n  items: [" + items + "]\n- {list: all, items: [big, bash]}\n" +
                           rule_item("r1", "evt.type = execve and proc.name in (big)") +
                           rule_item("r2", "evt.type = execve and not proc.name in (x, all)");
  CHECK(hits(text, *exec_event(world)) == "r1 ");
  world.runs("zsh", {"zsh"});
  CHECK(hits(text, *exec_event(world)) == "r2 ");
  auto nested = [](int depth) {
    return rule_item("r", "evt.type = execve and " + std::string(static_cast<size_t>(depth), '(') + "proc.name = zsh" +
                              std::string(static_cast<size_t>(depth), ')'));
  };
  CHECK(hits(nested(900), *exec_event(world)) == "r ");
  CHECK(has(strict_errors(nested(1100)), "LOAD_ERR_COMPILE_CONDITION nested more than"));
  CHECK(has(strict_errors("- " + std::string(70, '[') + std::string(70, ']') + "\n"), "nested too deeply"));
}

TEST_CASE("E20 positions of every node are exact, in every style of text") {
  // Each line of the condition has one mistake, and each is found at its place.
  const std::string text =
      "- list: addresses\n"
      "  items: [10.0.0.1, not.one]\n"
      "- macro: twice\n"
      "  condition: (proc.pid = seven)\n"
      "- rule: r\n"
      "  desc: d\n"
      "  output: o\n"
      "  priority: INFO\n"
      "  condition: >\n"
      "    evt.type = nosuch and\n"
      "      (proc.nam = x or not user.uid contains 5)\n"
      "\n"
      "    and fd.sip in (addresses, 1.2.3)\n"
      "    and twice and evt.failed=maybe\n"
      "    and tolower( proc.pid ) = x and proc.name = val(proc.pid)\n"
      "    and proc.aname[ two] exists\n";
  CHECK(error_places(text) == std::vector<std::string>{"16:20 LOAD_ERR_COMPILE_CONDITION"});
  std::string rest = text;
  rest.erase(rest.find("    and proc.aname"));
  const std::string code = " LOAD_ERR_COMPILE_CONDITION";
  CHECK(error_places(rest) == std::vector<std::string>{"10:16" + code, "2:21" + code, "4:26" + code, "11:8" + code,
                                                       "11:37" + code, "13:31" + code, "14:30" + code, "15:9" + code,
                                                       "15:49" + code});
}
