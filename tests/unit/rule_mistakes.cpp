// What is said about mistakes: where they are, all of them at once, what tolerant loading bends, and hostile input.
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

}  // namespace

TEST_CASE("rule mistakes: tolerant bends, strict refuses") {
  const std::string comment =
      "- rule: r1\n  desc: d\n  condition: >\n    evt.type = open and # only these, don't forget\n    proc.name = "
      "\"#x\"\n    # the end\n"
      "  output: o\n  priority: INFO\n";
  CHECK(!strict_errors(comment).empty());
  CHECK(errors_of(load(comment)).empty());
  CHECK(has(warnings_of(load(comment)), "a # inside a block scalar"));
  CHECK(load(comment).rules->explain(0).find("proc.name = #x") != std::string::npos);
  const std::string literal =
      "- rule: r1\n  desc: d\n  condition: |\n    evt.type = open\n    # and more\n    and proc.name = b\n  output: "
      "o\n  priority: INFO\n";
  CHECK(load(literal).rules->explain(0).find("proc.name = b") != std::string::npos);
  // A # that Falco takes as text stays text.
  const std::string text = in_rule("\"evt.type = open and proc.name = #x\"");
  CHECK(load(text).diagnostics.all().empty());

  CHECK(!strict_errors(in_rule("evt.type not in (open)")).empty());
  CHECK(has(warnings_of(load(in_rule("evt.type not in (open)"))), "not Falco's syntax"));
  World world;
  CHECK(Matcher(load(in_rule("proc.name not in (bash)")).rules).match(*exec_event(world)).empty());
  CHECK(!Matcher(load(in_rule("proc.name not in (zsh)")).rules).match(*exec_event(world)).empty());

  CHECK(has(strict_errors(in_rule("evt.type = connect and fd.sip startswith 192.168.")),
            "'startswith' operator not supported for ip address and network filters"));
  const Loaded address = load(in_rule("evt.type = connect and fd.sip startswith 192.168."));
  CHECK(errors_of(address).empty());
  CHECK(!Matcher(address.rules).match(*sock_event(world)).empty());
  CHECK(Matcher(load(in_rule("fd.sip startswith 10.")).rules).match(*sock_event(world)).empty());

  // One bad rule costs one rule.
  const Loaded partly = load(rule_yaml("evt.type = open", "o", "good") + rule_yaml("fd.dport = 80", "o", "bad") +
                             rule_yaml("fd.sport = 80", "o", "fine"));
  CHECK(partly.diagnostics.errors() == 1);
  CHECK(partly.skipped == std::vector<std::string>{"bad"});
  CHECK(partly.rules->size() == 2);
  CHECK(has(partly.diagnostics.render_all(), "did you mean 'fd.sport'?"));
  CHECK(!load(rule_yaml("fd.dport = 80"), plain_options(true)).rules);
}

TEST_CASE("rule mistakes: eleven mistakes, eleven places") {
  const std::string text =
      "- macro: open_it\n"
      "  condition: evt.type = open and\n"  // 2: ends where a check is expected
      "- rule: one\n"                       // 3: no output
      "  desc: d\n"
      "  condition: evt.type = open\n"
      "  priority: INFO\n"
      "- rule: two\n"
      "  desc: d\n"
      "  condition: >\n"
      "    evt.type = open and\n"
      "    (proc.nam = x or fd.sip = 10.0.0.999)\n"  // 11:6 unknown field, 11:31 address
      "  output: \"%user.nme\"\n"                    // 12: unknown field in the output
      "  priority: INFO\n"
      "- rule: three\n"
      "  desc: d\n"
      "  condition: evt.type = opn\n"  // 16: event type
      "  output: o\n"
      "  priority: URGENT\n"  // 18: priority
      "- rule: four\n"
      "  desc: d\n"
      "  condition: proc.pid contains 7 and nosuch_macro\n"  // 21: operator, and macro
      "  output: o\n"
      "  priority: INFO\n"
      "- list: items\n"
      "  items: {a: b}\n"  // 25: not a sequence
      "- rule: five\n"
      "  desc: d\n"
      "  condition: |\n"
      "    evt.type = open and\n"
      "    user.uid in (0, many)\n"  // 30: number
      "  output: o\n"
      "  priority: INFO\n";
  const Loaded loaded = load(text);
  std::vector<std::string> places;
  for (const tiercel::Diagnostic& d : loaded.diagnostics.all())
    if (d.severity == tiercel::Diagnostic::Severity::kError)
      places.push_back(std::to_string(d.position.line) + ":" + std::to_string(d.position.column));
  const std::vector<std::string> expected = {"2:30",  "3:3",   "11:6",  "11:31", "12:12", "16:25",
                                             "18:13", "21:23", "21:38", "25:10", "30:21"};
  std::string all;
  for (const std::string& place : places) all += place + " ";
  INFO(all);
  CHECK(places == expected);
  const std::string shown = loaded.diagnostics.render_all();
  CHECK(has(shown,
            "rules.yaml:11:6: error: rule 'two': filter_check called with nonexistent field proc.nam "
            "[LOAD_ERR_COMPILE_CONDITION]\n"
            "        (proc.nam = x or fd.sip = 10.0.0.999)\n"
            "         ^\n"
            "    help: did you mean 'proc.name'?\n"));
}

TEST_CASE("rule mistakes: positions in every style of scalar") {
  auto place = [](const std::string& text) {
    const Loaded loaded = load(text);
    for (const tiercel::Diagnostic& d : loaded.diagnostics.all())
      if (d.severity == tiercel::Diagnostic::Severity::kError)
        return std::to_string(d.position.line) + ":" + std::to_string(d.position.column);
    return std::string("none");
  };
  const std::string head = "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: ";
  CHECK(place(head + "evt.type = open and a.b = x\n") == "5:34");
  CHECK(place(head + "evt.type = open\n    and a.b = x\n") == "6:9");
  CHECK(place(head + "\"evt.type = \\\"open\\\" and a.b = x\"\n") == "5:39");
  CHECK(place(head + "'evt.type = ''open'' and a.b = x'\n") == "5:39");
  CHECK(place(head + "\"evt.type = open \\\n      and a.b = x\"\n") == "6:11");
  CHECK(place(head + ">\n    evt.type = open and\n\n      a.b = x\n") == "8:7");
  CHECK(place(head + "|-\n    evt.type = open\n    and not a.b = x\n") == "7:13");
  CHECK(place(head + "&anchor >\n    evt.type = open and\n    a.b = x\n") == "7:5");
  CHECK(place("- macro: m\n  condition: a.b = x\n" + head + "m\n") == "2:14");
  CHECK(place("- list: l\n  items: [1.2.3.4, not.an.ip]\n" + head + "fd.sip in (l)\n") == "2:20");
  CHECK(place(head + "evt.type = open\n- rule: r\n  append: true\n  condition: and a.b = x\n") == "8:18");
}

TEST_CASE("rule mistakes: files, folders and what cannot be read") {
  const auto dir = std::filesystem::temp_directory_path() / ("tiercel-rules-" + std::to_string(getpid()));
  std::filesystem::create_directories(dir / "empty");
  std::ofstream(dir / "b.yaml") << rule_yaml("m", "o", "B");
  std::ofstream(dir / "a.yml") << "- macro: m\n  condition: evt.type = open\n";
  std::ofstream(dir / "c.txt") << "not rules";
  const Loaded loaded =
      load_paths({dir.string(), (dir / "nosuch.yaml").string(), (dir / "empty").string()}, plain_options());
  CHECK(loaded.files == std::vector<std::string>{(dir / "a.yml").string(), (dir / "b.yaml").string()});
  CHECK(loaded.rules->size() == 1);
  CHECK(has(errors_of(loaded), "LOAD_ERR_FILE_READ"));
  CHECK(has(warnings_of(loaded), "no *.yaml"));
  CHECK(loaded.diagnostics.errors() == 1);
  std::filesystem::remove_all(dir);
}

TEST_CASE("rule mistakes: hostile YAML is refused, not obeyed") {
  std::string bomb = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int n = 1; n < 9; ++n) {
    const std::string last = "*a" + std::to_string(n - 1);
    bomb += "- &a" + std::to_string(n) + " [" + last;
    for (int k = 0; k < 9; ++k) bomb += ", " + last;
    bomb += "]\n";
  }
  CHECK(has(errors_of(load(bomb)), "LOAD_ERR_YAML_PARSE"));
  CHECK(has(errors_of(load(std::string(100'000, '['))), "LOAD_ERR_YAML_PARSE"));
  CHECK(!errors_of(load("- &a [*a]\n")).empty());
  CHECK(load(std::string("\xEF\xBB\xBF") + kRule).rules->size() == 1);
  CHECK(has(all_warnings(kRule + "  desc: twice\n"), "given twice"));
}
