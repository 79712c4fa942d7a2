// Reading case files: what they may say, and where each mistake is told to be.
#include <doctest/doctest.h>

#include <algorithm>

#include "agent/casefile/case.h"
#include "agent/casefile/map_reader.h"

using namespace tiercel;
using namespace tiercel::casefile;

namespace {

const std::string kFile = "dir/cases.yaml";

CaseFile read(const std::string& text, Diagnostics& diagnostics) {
  return read_cases_text(kFile, text, diagnostics);
}

CaseFile good(const std::string& text) {
  Diagnostics diagnostics;
  CaseFile out = read(text, diagnostics);
  CHECK(diagnostics.render_all().empty());
  return out;
}

Case one(const std::string& body) {
  CaseFile file = good("cases:\n- name: n\n  expect: []\n" + body);
  REQUIRE(file.cases.size() == 1);
  return file.cases[0];
}

// "line:column message | hint" of each mistake.
std::string mistakes(const std::string& text) {
  Diagnostics diagnostics;
  (void)read(text, diagnostics);
  std::string out;
  for (const Diagnostic& d : diagnostics.all()) {
    CHECK(d.position.file == kFile);
    out += std::to_string(d.position.line) + ":" + std::to_string(d.position.column) + " " + d.message +
           (d.hint.empty() ? "" : " | " + d.hint) + "\n";
  }
  return out;
}

bool tells(const std::string& text, const std::string& what) {
  const std::string all = mistakes(text);
  INFO(all);
  return all.find(what) != std::string::npos;
}

const std::string kHead = "- name: n\n  process: cat\n  expect: []\n  event: ";

}  // namespace

TEST_CASE("a whole file") {
  const CaseFile file = good(R"(rules: [../rules, ./x.yaml]
enable: Off
process: {user: www-data, container: {name: web, image: "r:5000/nginx:1.25", privileged: true}}
cases:
- name: a
  process: {cmdline: "bash -c 'echo hi'", tty: pts/3, env: {A: 1, B: ""}, parents: [sh, {cmdline: shim -x, container: host}]}
  event: {openat: {name: /etc/passwd, flags: O_RDWR}}
  expect: [R, S]
- name: b
  process: {exepath: /opt/x, args: [a b, c], uid: 7}
  events: [execve, {connect: {addr: "1.2.3.4:5"}}]
  expect: {R: 2}
  others: allowed
- recording: x/y.rec
  expect: R
)");
  CHECK(file.rules == std::vector<std::string>{"rules", "dir/x.yaml"});
  REQUIRE(file.enable.size() == 1);
  REQUIRE(file.cases.size() == 3);
  const Case& a = file.cases[0];
  CHECK(a.position.line == 5);
  REQUIRE(a.line.size() == 3);
  CHECK(a.line[0].name == "bash");
  CHECK(a.line[0].args == std::vector<std::string>{"-c", "echo hi"});
  CHECK(a.line[0].exepath == "/usr/bin/bash");
  CHECK(a.line[0].tty == 34819);
  CHECK(a.line[0].env == std::vector<std::string>{"A=1", "B="});
  CHECK(a.line[0].uid == 1000);
  REQUIRE(a.line[0].container);
  CHECK(a.line[0].container->image_repository == "r:5000/nginx");
  CHECK(a.line[0].container->image_tag == "1.25");
  CHECK(a.line[0].container->privileged);
  CHECK(a.line[0].container->id.size() == 12);
  CHECK(a.line[1].container->id == a.line[0].container->id);
  CHECK_FALSE(a.line[2].container);
  CHECK(a.line[2].args == std::vector<std::string>{"-x"});
  CHECK(a.users == std::vector<std::pair<uint32_t, std::string>>{{1000, "www-data"}});
  REQUIRE(a.expect.size() == 2);
  CHECK_FALSE(a.expect[0].count);
  const Case& b = file.cases[1];
  CHECK(b.line[0].name == "x");
  CHECK(b.line[0].uid == 7);
  CHECK(b.events.size() == 2);
  CHECK(b.expect[0].count == 2);
  CHECK(b.others_allowed);
  CHECK(file.cases[2].recording == "dir/x/y.rec");
  CHECK(file.cases[2].name == "x/y.rec");
}

TEST_CASE("the parents that nobody names") {
  const Case host = one("  process: cat\n  event: execve\n");
  REQUIRE(host.line.size() == 2);
  CHECK(host.line[1].name == "systemd");
  const Case inside = one("  process: {name: cat, container: c}\n  event: execve\n");
  REQUIRE(inside.line.size() == 3);
  CHECK(inside.line[1].name == "containerd-shim");
  CHECK_FALSE(inside.line[1].container);
  CHECK(one("  process: {name: cat, parents: []}\n  event: execve\n").line.size() == 1);
}

TEST_CASE("users have numbers") {
  CHECK(one("  process: {name: x, user: root}\n  event: execve\n").line[0].uid == 0);
  const Case two = one("  process: {name: x, user: a, parents: [{name: y, user: b}]}\n  event: {setuid: {uid: b}}\n");
  CHECK(two.line[0].uid == 1000);
  CHECK(two.line[1].uid == 1001);
  const Case both = one("  process: {name: x, user: a, uid: 50, group: g, gid: 60}\n  event: {setgid: {gid: g}}\n");
  CHECK(both.line[0].uid == 50);
  CHECK(both.line[0].gid == 60);
}

TEST_CASE("mistakes of a file") {
  CHECK(tells("", "the file is empty"));
  CHECK(tells("a: [", "not valid YAML"));
  CHECK(tells("just text", "1:1 the file has to be a map"));
  CHECK(tells("rules: [x]\n", "there are no `cases` in it"));
  CHECK(tells("cases: []\n", "1:8 there is no case in it"));
  CHECK(tells("cases: 3\n", "1:8 `cases` has to be a list"));
  CHECK(tells("caes: []\n", "1:1 the file has no key `caes` | did you mean `cases`?"));
  CHECK(tells("- a\n---\n- b\n", "a second document begins here"));
  CHECK(tells("rules: {a: b}\ncases: []\n", "1:8 `rules` takes a text or a list of texts"));
}

TEST_CASE("mistakes of a case") {
  CHECK(tells("- x\n", "1:3 the case has to be a map"));
  CHECK(tells("- process: cat\n  event: execve\n  expect: []\n", "1:3 the case has no `name`"));
  CHECK(tells("- name: n\n  process: cat\n  event: execve\n", "the case does not say what it expects"));
  CHECK(tells("- name: n\n  event: execve\n  expect: []\n", "the case has no `process`"));
  CHECK(tells("- name: n\n  process: cat\n  expect: []\n", "the case needs an `event`"));
  CHECK(tells(kHead + "execve\n  events: [execve]\n", "4:10 the case needs an `event`, or a list"));
  CHECK(tells(kHead + "execve\n  expect: [R]\n", "5:3 `expect` is given twice"));
  CHECK(tells(kHead + "execve\n  recording: r\n", "5:14 a case has a `recording` or a `process`"));
  CHECK(tells(kHead + "execve\n" + kHead + "execve\n", "5:9 another case has this name | line 1"));
  CHECK(tells(kHead + "execve\n  others: none\n", "5:11 `others` takes the word allowed"));
  CHECK(tells(kHead + "execve\n  output: x\n", "5:11 `output` is that of one rule"));
  CHECK(tells("- name: n\n  process: cat\n  event: execve\n  expect: [R, R]\n", "4:15 'R' is expected twice"));
  CHECK(tells("- name: n\n  process: cat\n  event: execve\n  expect: {R: -1}\n", "4:15 how often 'R'"));
  CHECK(tells("- name: n\n  process: cat\n  event: execve\n  expect: [[R]]\n", "4:12 `expect` takes names of rules"));
}

TEST_CASE("mistakes of an event") {
  CHECK(tells(kHead + "exceve\n", "4:10 there is no event type 'exceve' | did you mean 'execve'?"));
  CHECK(tells(kHead + "task\n", "4:10 there is no event type 'task'"));
  CHECK(tells(kHead + "munmap\n", "4:10 no kernel event feeds 'munmap' yet"));
  CHECK(tells(kHead + "[a, b]\n", "4:10 an event is one type"));
  CHECK(tells(kHead + "{openat: [x]}\n", "the parameters of an event are a map"));
  CHECK(tells(kHead + "{openat: {nam: x}}\n", "4:20 openat has no parameter 'nam' | did you mean `name`?"));
  CHECK(tells(kHead + "{openat: {res: 0}}\n", "4:20 openat has no parameter 'res' | its result is `fd`"));
  CHECK(tells(kHead + "{openat: {flags: O_RDONLI}}\n", "4:27 `flags`: 'O_RDONLI' is none of its names"));
  CHECK(tells(kHead + "{openat: {flags: {a: b}}}\n", "4:27 `flags` takes a value"));
  CHECK(tells(kHead + "{openat: {fd: 1, fd: 2}}\n", "4:27 `fd` is given twice"));
  CHECK(tells(kHead + "{execve: {args: x}}\n", "`args` is the process's"));
  CHECK(tells(kHead + "{setuid: {uid: eve}}\n", "4:25 `uid`: there is no user 'eve'"));
  CHECK(tells(kHead + "{connect: {tuple: \"1.2.3.4:5\"}}\n", "4:28 `tuple`: '1.2.3.4:5' is no tuple"));
}

TEST_CASE("mistakes of a process") {
  auto process = [](const std::string& text) {
    return "- name: n\n  event: execve\n  expect: []\n  process: " + text + "\n";
  };
  CHECK(tells(process("{nam: x}"), "4:13 the process has no key `nam` | did you mean `name`?"));
  CHECK(tells(process("{uid: 3}"), "4:12 the process has no name"));
  CHECK(tells(process("{name: x, uid: -1}"), "4:27 `uid` is a whole number from 0"));
  CHECK(tells(process("{name: x, pid: 0}"), "`pid` is a whole number from 1"));
  CHECK(tells(process("{name: x, tty: yes please}"), "4:27 `tty` is true, false"));
  CHECK(tells(process("{name: x, flags: EXE_NO}"), "4:29 `flags`: 'EXE_NO' is none of its names"));
  CHECK(tells(process("{name: x, caps: CAP_X}"), "4:28 `caps`: 'CAP_X' is no capability"));
  CHECK(tells(process("{name: x, env: 3}"), "`env`: '3' is no NAME=value"));
  CHECK(tells(process("{name: x, container: []}"), "4:33 `container` is `host`"));
  CHECK(tells(process("{name: x, container: {nme: y}}"), "4:34 the container has no key `nme` | did you mean `name`?"));
  CHECK(tells(process("{name: x, container: {privileged: 2}}"), "4:46 `privileged` is true or false"));
  CHECK(tells(process("{name: x, parents: [{user: y}]}"), "4:32 the parent has no name"));
  CHECK(tells(process("{name: x, parents: [{name: y, parents: [z]}]}"), "a parent has no `parents` of its own"));
  CHECK(tells(process("{name: x, stdin: sock}"), "4:29 `stdin`: 'sock' is no descriptor | a path, pipe,"));
  CHECK(tells(process("{name: x, stdout: socket 1.2.3}"), "4:30 `stdout`: '1.2.3' is not an address"));
  CHECK(tells(process("{name: x, stdout: 'socket 1.2.3.4:1->[::1]:2'}"), "its two ends are of different families"));
  CHECK(tells(process("{name: x, stderr: [a]}"), "`stderr`: '' is no descriptor"));
  CHECK(tells(process("{script: ./x.sh}"), "4:21 `script` needs its interpreter"));
  CHECK(tells(process("{name: x, nthreads: 0}"), "`nthreads` is a whole number from 1"));
  CHECK(tells(process("{name: x, exe_changed: -1}"), "`exe_changed` is a whole number from 0"));
  CHECK(tells(process("{name: x, cgroups: [a]}"), "`cgroups` is a map of controllers and paths"));
  CHECK(tells(process("{name: x, cap_effective: CAP_X}"), "`cap_effective`: 'CAP_X' is no capability"));
  CHECK(tells(process("{name: x, container: {age: 0}}"), "4:39 `age` is a whole number from 1"));
  CHECK(tells(process("[a]"), "4:12 the process has to be a map"));
  CHECK(tells(process("{cmdline: \"\"}"), "`cmdline` is empty"));
}

TEST_CASE("a mistake in what the cases share is told once; the good cases are kept") {
  const std::string text =
      "process: {nme: x}\ncases:\n- {name: a, process: cat, event: execve, expect: []}\n"
      "- {name: b, process: cat, event: execve, expect: []}\n";
  const std::string all = mistakes(text);
  CHECK(std::count(all.begin(), all.end(), '\n') == 1);
  Diagnostics diagnostics;
  const CaseFile file = read(
      "- {name: a, process: cat, event: execve, expect: []}\n- {name: b}\n"
      "- {name: c, process: cat, event: execve, expect: []}\n",
      diagnostics);
  CHECK(file.cases.size() == 2);
  CHECK(diagnostics.errors() > 0);
}

TEST_CASE("words of a command line") {
  CHECK(split_words("a  b\tc") == std::vector<std::string>{"a", "b", "c"});
  CHECK(split_words("sh -c 'a \"b\" c' \"d e\"") == std::vector<std::string>{"sh", "-c", "a \"b\" c", "d e"});
  CHECK(split_words("a\\ b '' \"\\\"\"") == std::vector<std::string>{"a b", "", "\""});
  CHECK(split_words("").empty());
  CHECK(split_words("'open").size() == 1);
}
