// Cases played on the stage: what rules see of each kind of event, and what is told when a case fails.
#include <doctest/doctest.h>

#include <filesystem>
#include <random>

#include "agent/casefile/run.h"
#include "agent/casefile/stage.h"
#include "agent/sensor/recording.h"
#include "rule_support.h"

using namespace tiercel;
using namespace tiercel::casefile;
using rule::test::has;
using rule::test::rule_yaml;

namespace {

Case read_one(const std::string& body) {
  Diagnostics diagnostics;
  CaseFile file = read_cases_text("c.yaml", "- name: n\n" + body, diagnostics);
  INFO(diagnostics.render_all());
  REQUIRE(file.cases.size() == 1);
  return file.cases[0];
}

rule::Loaded load(const std::string& text) {
  rule::LoadOptions options = rule::test::plain_options();
  options.matching = rule::Matching::kAll;
  options.describe = true;
  rule::Loaded loaded = rule::test::load(text, options);
  REQUIRE(rule::test::errors_of(loaded).empty());
  return loaded;
}

// Is the condition true for the case's event? One at least, if there are several.
bool holds(const std::string& body, const std::string& condition) {
  const Case what = read_one(body + "  expect: []\n");
  return !run_case(what, load(rule_yaml(condition))).matched.empty();
}

// The output text for the first event.
std::string seen(const std::string& body, const std::string& output) {
  const Case what = read_one(body + "  expect: []\n");
  const rule::Loaded rules = load(rule_yaml("evt.num > 0", output));
  rule::Matcher matcher(rules.rules);
  std::string out;
  Stage(Stage::For::kCase).play(what, [&](const context::Event& event) {
    for (const rule::Match& match : matcher.match(event))
      out += (out.empty() ? "" : "|") + matcher.render(match, event).message;
  });
  return out;
}

std::string problem_of(const std::string& body, const std::string& rules) {
  const CaseResult result = run_case(read_one(body), load(rules));
  std::string out;
  for (const Problem& problem : result.problems) out += (out.empty() ? "" : "\n") + problem.text;
  return out;
}

std::string mktemp_dir() {
  std::string path = (std::filesystem::temp_directory_path() / "tiercel-cases-XXXXXX").string();
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  return path;
}

}  // namespace

TEST_CASE("the process, its parents and its container") {
  const std::string body =
      "  process: {cmdline: /opt/a/toolwithaverylongname -x 'y z', cwd: /srv, user: bob, uid: 50, tty: pts/1, "
      "loginuid: bob, "
      "env: {K: v}, age: 60, flags: EXE_WRITABLE, container: {name: web, image: \"nginx:1.2\", privileged: true, pod: "
      "p, "
      "namespace: s}, parents: [bash -l, {name: shim, container: host, user: root}]}\n  event: {setuid: {uid: 50}}\n";
  CHECK(seen(body, "%proc.name %proc.exe %proc.exepath %proc.args %proc.cwd") ==
        "toolwithaverylo /opt/a/toolwithaverylongname /opt/a/toolwithaverylongname -x y z /srv/");
  CHECK(seen(body, "%user.name %user.uid %user.loginuid %proc.tty %proc.env[K]") == "bob 50 50 34817 v");
  CHECK(seen(body, "%proc.pname %proc.aname[2] %proc.pcmdline %proc.duration") == "bash shim bash -l 60001000000");
  CHECK(seen(body, "%container.name %container.image.repository %container.image.tag %container.privileged") ==
        "web nginx 1.2 true");
  CHECK(seen(body, "%k8s.pod.name %k8s.ns.name %container.type") == "p s docker");
  CHECK(holds(body, "proc.is_exe_writable = true and container.id != host and proc.aname in (shim)"));
}

TEST_CASE("on the host there is no container, and ids without a name stay without") {
  const std::string body = "  process: {name: x, uid: 4242}\n  event: {setuid: {uid: 4242}}\n";
  CHECK(seen(body, "%container.id %user.name %proc.pname") == "host <NA> systemd");
}

TEST_CASE("an execve makes the process what it is; one that fails does not") {
  CHECK(seen("  process: {cmdline: id -u, parents: [bash -i]}\n  event: execve\n",
             "%evt.type %proc.name %proc.args %proc.pname %evt.res") == "execve id -u bash SUCCESS");
  CHECK(seen("  process: {cmdline: id -u, parents: [bash]}\n  event: {execveat: {res: EACCES}}\n",
             "%evt.type %proc.name %evt.res") == "execveat id EACCES");
}

TEST_CASE("files: the path as written and the path as found") {
  const std::string body = "  process: {name: cat, cwd: /a/b}\n  event: ";
  CHECK(seen(body + "{openat: {name: ../c}}\n", "%fd.name %fd.nameraw %fd.num %fd.typechar %evt.arg.flags") ==
        "/a/c ../c 3 f O_RDONLY");
  CHECK(holds(body + "{openat: {name: /l, realpath: /etc/shadow}}\n", "fd.name = /etc/shadow"));
  CHECK(holds(body + "{openat: {name: /l, realpath: /etc/shadow}}\n", "fd.name = /l"));
  CHECK_FALSE(holds(body + "{openat: {name: /l}}\n", "fd.name = /etc/shadow"));
  CHECK(holds(body + "{openat: {name: /d, flags: O_DIRECTORY}}\n", "fd.typechar = d"));
  CHECK(holds(body + "{open: {name: /d, i_mode: 040755}}\n", "fd.typechar = d"));
  CHECK(holds(body + "{openat: {name: /x, fd: ENOENT}}\n", "evt.failed = true and evt.res = ENOENT"));
  CHECK(holds(body + "{openat: {name: /x, flags: O_WRONLY|O_CREAT|O_F_CREATED}}\n",
              "evt.is_open_write = true and evt.is_open_create = true"));
  CHECK(holds(body + "{creat: {name: /x, mode: 0755}}\n", "evt.is_open_exec = true"));
  CHECK(seen(body + "{chdir: {path: ../z}}\n", "%proc.cwd %evt.arg.path") == "/a/z/ /a/z");
  CHECK(seen(body + "{mount: {dev: /dev/x, dir: m, type: ext4, flags: NOSUID}}\n", "%fd.name %evt.arg.flags") ==
        "<NA> NOSUID");
}

TEST_CASE("sockets: who is client, who is server") {
  const std::string body = "  process: nc\n  event: ";
  CHECK(seen(body + "{connect: {tuple: \"10.0.0.5:4000->9.9.9.9:53\", l4proto: udp}}\n", "%fd.name %fd.l4proto") ==
        "10.0.0.5:4000->9.9.9.9:53 udp");
  CHECK(holds(body + "{accept: {tuple: \"9.9.9.9:5000->10.0.0.5:22\", fd: 4}}\n",
              "fd.sport = 22 and fd.cip = 9.9.9.9 and fd.num = 4"));
  CHECK(holds(body + "{bind: {addr: \"0.0.0.0:4444\"}}\n", "fd.sport = 4444"));
  CHECK(holds(body + "{connect: {remote: \"[fd00::1]:443\", res: EINPROGRESS}}\n",
              "fd.sip = fd00::1 and evt.res = EINPROGRESS and fd.typechar = 6"));
  CHECK(holds(body + "{connect: {path: /run/docker.sock}}\n", "fd.typechar = u and fd.name contains docker.sock"));
}

TEST_CASE("ids after the call, children, ends") {
  const std::string body = "  process: {name: x, user: bob}\n  event: ";
  CHECK(holds(body + "{setuid: {uid: root}}\n", "user.uid = 0 and evt.arg.uid = root"));
  CHECK(holds(body + "{setuid: {uid: root, res: EPERM}}\n", "user.name = bob"));
  CHECK(holds(body + "{setresuid: {euid: root}}\n", "user.uid = 0"));
  CHECK(holds(body + "{setregid: {egid: 0}}\n", "group.gid = 0 and user.name = bob"));
  CHECK(seen(body + "{clone: {flags: CLONE_NEWNS}}\n", "%proc.pid %evt.rawres %proc.ppid") ==
        "1000 9000 1|9000 0 1000");
  CHECK(holds(body + "{procexit: {ret: 3}}\n", "evt.arg.ret = 3"));
  CHECK(holds(body + "{ptrace: {request: PTRACE_ATTACH, pid: 1}}\n", "evt.arg.request = PTRACE_ATTACH"));
}

TEST_CASE("several events are one story") {
  const std::string body =
      "  process: {cmdline: sh -i}\n  events: [execve, {chdir: {path: /tmp}}, {openat: {name: x}}]\n";
  CHECK(holds(body, "evt.type = openat and proc.cwd = /tmp/ and proc.name = sh"));
  CHECK(holds(body, "evt.type = execve and proc.args = -i"));
}

TEST_CASE("a case passes, or tells what is wrong in one line") {
  const std::string rules =
      rule_yaml("evt.type = execve and proc.name = bash and proc.args contains -i", "o %proc.args", "A") +
      rule_yaml("evt.type = execve and proc.name in (bash, sh) and not proc.pname = cron", "o", "B");
  const std::string bash = "  process: {cmdline: bash -i}\n  event: execve\n";
  CHECK(problem_of(bash + "  expect: [A, B]\n", rules).empty());
  CHECK(problem_of(bash + "  expect: [A]\n  others: allowed\n", rules).empty());
  CHECK(problem_of(bash + "  expect: [A]\n", rules) ==
        "'B' matched, and is not expected, because proc.name in (bash, sh) (it is \"bash\"); evt.type = execve (it is "
        "\"execve\")");
  CHECK(problem_of("  process: {cmdline: bash -l, parents: [cron]}\n  event: execve\n  expect: [A, B]\n", rules) ==
        "'A' did not match: proc.args contains -i (it is \"-l\")\n"
        "'B' did not match: not proc.pname = cron (it is \"cron\")");
  CHECK(problem_of("  process: {cmdline: bash -i}\n  event: {setuid: {uid: 0}}\n  expect: [A]\n", rules) ==
        "'A' did not match: evt.type = execve (it is \"setuid\")");
  CHECK(problem_of(bash + "  expect: {A: 2, B: 1}\n", rules) == "'A' matched once, expected twice");
  CHECK(problem_of(bash + "  expect: {A: 0, B: 1}\n", rules) == "'A' matched once, expected 0 times");
}

TEST_CASE("outputs") {
  const std::string rules = rule_yaml("evt.type = execve", "ran %proc.cmdline", "A");
  const std::string bash = "  process: {cmdline: bash -i}\n  event: execve\n  expect: [A]\n";
  CHECK(problem_of(bash + "  output: ran bash -i\n", rules).empty());
  CHECK(problem_of(bash + "  output: {contains: [ran, -i]}\n", rules).empty());
  CHECK(problem_of(bash + "  output: ran\n", rules) == "the output is \"ran bash -i\", expected \"ran\"");
  CHECK(problem_of(bash + "  output: {contains: [ran, sh -l]}\n", rules) ==
        "the output \"ran bash -i\" does not contain \"sh -l\"");
}

TEST_CASE("names that no rule has") {
  Diagnostics diagnostics;
  const CaseFile file = read_cases_text(
      "c.yaml", "enable: [Nop]\ncases:\n- {name: n, process: x, event: execve, expect: [Revers Shell, Off]}\n",
      diagnostics);
  REQUIRE(diagnostics.errors() == 0);
  std::string rules = rule_yaml("evt.type = execve", "o", "Reverse Shell");
  rules += rule_yaml("evt.type = execve", "o", "Off") + "  enabled: false\n";
  check_names(file, load(rules), diagnostics);
  const std::string all = diagnostics.render_all();
  CHECK(has(all, "c.yaml:3:49: error: there is no rule 'Revers Shell'"));
  CHECK(has(all, "did you mean 'Reverse Shell'?"));
  CHECK(has(all, "the rule 'Off' is not enabled"));
  CHECK(has(all, "c.yaml:1:10: error: there is no rule 'Nop'"));
}

TEST_CASE("a recording is counted") {
  const std::string dir = mktemp_dir();
  const std::string path = dir + "/r.rec";
  auto recorder = sensor::Recorder::create(path, 1'700'000'000'000'000'000);
  REQUIRE(recorder);
  for (int n = 0; n < 3; ++n) {
    decoders::RecordBuilder<ev_open> builder(EVT_openat);
    builder->head.time_ns = 5'000'000'000;
    builder->head.pid = builder->head.tid = 77;
    builder->head.start_ns = 4'000'000'000;
    std::memcpy(builder->head.comm, "cat", 4);
    builder->fd = n == 2 ? -2 : 3;
    builder.set_text(&ev_open::name, "/etc/shadow").set_text(&ev_open::base, "/");
    (*recorder)->write(builder.bytes());
  }
  REQUIRE((*recorder)->finish());
  Diagnostics diagnostics;
  auto run = [&](const std::string& expect) {
    const CaseFile file =
        read_cases_text(dir + "/c.yaml", "- recording: r.rec\n  expect: " + expect + "\n", diagnostics);
    REQUIRE(file.cases.size() == 1);
    const CaseResult result =
        run_case(file.cases[0], load(rule_yaml("fd.num >= 0 and fd.name = /etc/shadow", "o", "A")));
    return result.problems.empty() ? "" : result.problems.front().text;
  };
  CHECK(run("{A: 2}").empty());
  CHECK(run("A").empty());
  CHECK(run("{A: 3}") == "'A' matched twice, expected 3 times");
  CHECK(has(run("[]"), "'A' matched, and is not expected (twice), because "));
  std::filesystem::resize_file(path, 10);
  CHECK(has(run("A"), "was recorded by a tiercel with another event table"));
  std::filesystem::remove(path);
  CHECK(has(run("A"), "cannot open"));
  std::filesystem::remove_all(dir);
}

// Whatever stands in the file: mistakes are told, or it is played; nothing else may happen.
TEST_CASE("damaged case files never crash") {
  const auto folder = rule::test::source_dir() / "tests";
  std::vector<std::string> seeds;
  for (const char* name : {"rules/container_escape.yaml", "rules/reverse_shell.yaml", "golden/tools/failing.yaml",
                           "golden/tools/bad.yaml"})
    seeds.push_back(rule::test::read_text(folder / name));
  seeds.push_back(
      "- name: n\n  process: {cmdline: x, tty: pts/1, env: {A: b}, caps: [CAP_CHOWN], age: 3, parents: [a, {name: "
      "b}]}\n"
      "  events: [clone, {openat2: {name: x, resolve: RESOLVE_BENEATH, fd: -2}}, {bind: {addr: \"[::1]:80\"}}, "
      "{setresuid: {euid: 1}}, {procexit: {sig: SIGKILL}}, {chdir: {path: ..}}]\n  expect: []\n");
  const std::vector<std::string> pieces = {"{",
                                           "}",
                                           "[",
                                           "]",
                                           ": ",
                                           "- ",
                                           "\n",
                                           "  ",
                                           "\"",
                                           "&a ",
                                           "*a",
                                           "~",
                                           "-1",
                                           "0x",
                                           "18446744073709551615",
                                           "|",
                                           "->",
                                           "\xff",
                                           std::string(1, '\0'),
                                           "name",
                                           "!!x "};
  const rule::Loaded rules = load(rule_yaml("evt.num > 0 and (fd.name exists or proc.aname = x)", "%evt.args", "A"));
  std::mt19937 random(20260731);
  auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  size_t played = 0, refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string text = seeds[below(seeds.size())];
    for (size_t n = 1 + below(3); n > 0; --n) {
      const size_t at = below(text.size());
      const std::string& piece = pieces[below(pieces.size())];
      switch (below(3)) {
        case 0:
          text.insert(at, piece);
          break;
        case 1:
          text.replace(at, std::min(piece.size(), text.size() - at), piece);
          break;
        default:
          text.erase(at, 1 + below(12));
          if (text.empty()) text = "-";
      }
    }
    Diagnostics diagnostics;
    const CaseFile file = read_cases_text("c.yaml", text, diagnostics);
    (void)diagnostics.render_all();
    if (diagnostics.errors() > 0) ++refused;
    for (const Case& what : file.cases) {
      if (!what.recording.empty()) continue;
      (void)run_case(what, rules);
      ++played;
    }
  }
  CHECK(played > 1000);
  CHECK(refused > 300);
}

TEST_CASE("what a terminal would obey is shown, not sent") {
  CHECK(visible("a\x1b[2Jb\n\x7f") == "a\\x1b[2Jb\\x0a\\x7f");
  CHECK(visible("\"quoted\" \xC3\xA4") == "\"quoted\" \xC3\xA4");
  CHECK(visible("\xC2\x9B"
                "x\xFF") == "\\xc2\\x9bx\\xff");
}
