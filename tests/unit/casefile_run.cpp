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

TEST_CASE("procinfo: what a process used of CPUs, as much as the case says") {
  const std::string fields =
      "%thread.cpu %thread.cpu.user %thread.cpu.system %thread.totexectime %evt.arg.cpu_usr %evt.arg.cpu_sys";
  auto told = [&](const std::string& params) { return seen("  process: xmrig\n  event: " + params + "\n", fields); };
  CHECK(told("procinfo") == "100.0 100.0 0.0 30000000000 3000 0");
  CHECK(told("{procinfo: {cpu: 97.5}}") == "97.5 97.5 0.0 29250000000 2925 0");
  CHECK(told("{procinfo: {cpu: 400, system: 100}}") == "400.0 300.0 100.0 120000000000 9000 3000");
  CHECK(told("{procinfo: {user: 20, system: 5}}") == "25.0 20.0 5.0 7500000000 600 150");
  CHECK(told("{procinfo: {user: 150}}") == "150.0 150.0 0.0 45000000000 4500 0");
  CHECK(told("{procinfo: {cpu: 50, cpu_usr: 7, total_ns: 8}}") == "50.0 50.0 0.0 8 7 0");
  const std::string event = "  process: xmrig\n  event: {procinfo: {cpu: 90}}\n";
  CHECK(holds(event, "evt.type = procinfo and thread.cpu > 80 and thread.cpu < 91 and proc.name = xmrig"));
  CHECK(holds(event, "evt.dir = > and evt.category = internal and not syscall.type exists and not evt.rawres exists"));
  CHECK_FALSE(holds(event, "thread.cpu > 90"));
  CHECK_FALSE(holds("  process: xmrig\n  event: execve\n", "thread.cpu exists or thread.totexectime exists"));
}

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

TEST_CASE("standard descriptors") {
  auto stdio = [](const std::string& keys) {
    return seen(
        "  process: {name: sh" + keys + "}\n  event: execve\n",
        "%proc.stdin.type %proc.stdin.name|%proc.stdout.type %proc.stdout.name|%proc.stderr.type %proc.stderr.name");
  };
  CHECK(stdio("") == "file /dev/null|file /dev/null|file /dev/null");
  CHECK(stdio(", tty: pts/3") == "file /dev/pts/3|file /dev/pts/3|file /dev/pts/3");
  CHECK(stdio(", tty: 1025, stdin: closed, stderr: /tmp/x/") == "<NA> <NA>|file /dev/tty|directory /tmp/x");
  CHECK(stdio(", stdin: 'socket 10.0.0.5:4->1.2.3.4:5', stdout: 'socket [::1]:4->[::2]:5', stderr: 'socket'") ==
        "ipv4 10.0.0.5:4->1.2.3.4:5|ipv6 ::1:4->::2:5|ipv4 ");
  CHECK(
      stdio(
          ", stdin: 'socket [::ffff:10.0.0.1]:4->[::ffff:10.0.0.2]:5', stdout: 'socket 0.0.0.0:80', stderr: netlink") ==
      "ipv4 10.0.0.1:4->10.0.0.2:5|ipv4 0.0.0.0:80|netlink ");
  CHECK(stdio(", stdin: pipe, stdout: fifo /tmp/f, stderr: memfd x") == "pipe |pipe /tmp/f|memfd x");
  CHECK(stdio(", stdin: eventfd, stdout: /dev/shm/x, stderr: timerfd") == "event |file /dev/shm/x|timerfd ");
  CHECK(holds("  process: {name: sh, stdin: unix /run/x}\n  event: execve\n",
              "proc.stdin.type = unix and proc.stdin.name endswith '/run/x' and proc.stdin.name contains '->'"));
}

TEST_CASE("inodes of standard descriptors: what is written alike is one object, and a pipe is one of its own") {
  auto holds_of = [](const std::string& keys, const std::string& condition) {
    return holds("  process: {name: sh" + keys + "}\n  event: {openat: {name: /x}}\n", condition);
  };
  CHECK(holds_of(", stdin: socket 1.2.3.4:5, stdout: socket 1.2.3.4:5", "proc.stdin.ino = val(proc.stdout.ino)"));
  CHECK(holds_of("", "proc.stdin.ino = val(proc.stdout.ino)"));
  CHECK(holds_of(", stdin: pipe, stdout: pipe", "proc.stdin.ino != val(proc.stdout.ino)"));
  CHECK(holds_of(", stdin: 'pipe:[7]', stdout: 'socket:[8]'",
                 "proc.stdin.ino = 7 and proc.stdin.type = pipe and proc.stdout.ino = 8 and proc.stdout.type = ipv4"));
  CHECK_FALSE(holds_of(", stdin: closed", "proc.stdin.ino >= 0 or proc.stdin.type exists"));
}

TEST_CASE("scripts are their interpreter's, and named as the kernel names them") {
  const std::string body = "  process: {script: ./x.sh, cmdline: /bin/sh ./x.sh a, cwd: /w}\n  event: execve\n";
  CHECK(seen(body, "%proc.script %proc.name %proc.exepath %proc.cmdline") == "/w/x.sh x.sh /bin/sh x.sh ./x.sh a");
  CHECK(seen("  process: sh x.sh\n  event: execve\n", "%proc.script %proc.name") == "<NA> sh");
  CHECK(seen("  process: {script: /y, cmdline: python3 /y, name: z}\n  event: execve\n",
             "%proc.script %proc.name %proc.exepath") == "/y z /usr/bin/python3");
}

TEST_CASE("figures of a process, its file's age and its container's") {
  const std::string keys =
      "name: x, vmrss: 2, vmsize: 3, vmswap: 4, fdlimit: 5, pfmajor: 6, pfminor: 7, nthreads: 8, tid: 99, vsid: 1, "
      "cap_permitted: all, cap_effective: CAP_KILL, cap_inheritable: [CAP_CHOWN], cgroups: {cpu: /a, memory: /b}, "
      "exe_ino: 12, age: 10";
  const std::string body = "  process: {" + keys + "}\n  event: {openat: {name: /x}}\n";
  CHECK(seen(body, "%proc.vmrss %proc.vmsize %proc.vmswap %proc.fdlimit %thread.pfmajor %thread.pfminor") ==
        "2 3 4 5 6 7");
  CHECK(seen(body, "%proc.nthreads %thread.tid %thread.ismain %proc.is_sid_leader %proc.is_vpgid_leader") ==
        "8 99 false false true");
  CHECK(seen(body, "%thread.cap_effective %thread.cap_inheritable %thread.cgroup.memory %proc.exe_ino") ==
        "CAP_KILL CAP_CHOWN /b 12");
  CHECK(holds(body, "thread.cap_permitted contains CAP_SYS_ADMIN"));
  CHECK(seen("  process: {" + keys + "}\n  event: {mmap: {prot: PROT_EXEC}}\n", "%proc.vmrss") == "2");
  CHECK(holds(body, "proc.exe_ino.ctime_duration_proc_start > 31000000000000000"));
  CHECK(seen("  process: {name: x, age: 10, exe_changed: 12}\n  event: execve\n",
             "%proc.exe_ino.ctime_duration_proc_start") == "2000000000");
  CHECK(holds("  process: {name: x, exe_modified: 100}\n  event: execve\n",
              "proc.exe_ino.mtime = val(proc.exe_ino.ctime)"));
  const std::string inside =
      "  process: {name: x, age: 10, exe_changed: 12, container: {name: c, age: 60}}\n  event: execve\n";
  CHECK(holds(inside, "container.duration > 60000000000 and container.duration < 60100000000"));
  CHECK(holds(inside, "not proc.exe_ino.ctime_duration_pidns_start exists"));
  CHECK(holds("  process: {name: x, container: c}\n  event: execve\n",
              "proc.exe_ino.ctime_duration_pidns_start > 31000000000000000"));
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
  for (const char* name :
       {"../rules/cases/container_escape.yaml", "golden/tools/failing.yaml", "golden/tools/bad.yaml"})
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
