// From a recording to a case: what is said of the event, what is left out, and that the case gets the event's verdict.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <random>

#include "agent/casefile/draft.h"
#include "agent/casefile/from_event.h"
#include "agent/casefile/run.h"
#include "agent/casefile/shrink.h"
#include "agent/context/known.h"
#include "agent/sensor/recording.h"
#include "rule_support.h"

using namespace tiercel;
using namespace tiercel::casefile;
using rule::test::has;

namespace {

constexpr uint64_t kBegin = 1'000'000'000'000;
constexpr uint64_t kCgroup = 4711;

rule::Loaded load(const std::string& text) {
  rule::LoadOptions options = rule::test::plain_options();
  options.matching = rule::Matching::kAll;
  options.describe = true;
  rule::Loaded loaded = rule::test::load(text, options);
  REQUIRE(rule::test::errors_of(loaded).empty());
  return loaded;
}

// A host as a recording tells of it: a shim, and children of it in a container.
class Scene {
 public:
  Scene() {
    dir_ = (std::filesystem::temp_directory_path() / "tiercel-made-XXXXXX").string();
    REQUIRE(::mkdtemp(dir_.data()) != nullptr);
    auto recorder = sensor::Recorder::create(path(), 1'700'000'000'000'000'000);
    REQUIRE(recorder);
    recorder_ = std::move(*recorder);
    exec(50, {"/usr/bin/shim", "-id", "secret-of-the-parent"}, {}, EVT_task, 0);
    decoders::RecordBuilder<ev_known> known(EVT_known);
    known->id = kCgroup;
    known.set_text(&ev_known::json,
                   R"({"container":{"id":"aaaaaaaaaaaa","full_id":"aaaaaaaaaaaa","type":"docker","name":"web",)"
                   R"("image":"shop/web:1","privileged":true,"known":true,"verified":true,)"
                   R"("labels":{"password":"of-a-label"}},"passwd":"www:x:33:33::/:/bin/sh\n","group":""})");
    recorder_->write(known.bytes());
  }
  ~Scene() { std::filesystem::remove_all(dir_); }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  void exec(uint32_t pid, const std::vector<std::string>& argv, const std::vector<std::string>& env = {},
            uint16_t type = EVT_execve, uint64_t cgroup = kCgroup, uint32_t parent = 50) {
    decoders::RecordBuilder<ev_exec> b(type);
    head(b->head, pid, cgroup);
    if (type == EVT_task) b->head.flags = EVF_SNAPSHOT;
    b->ptid = parent;
    b->parent_start_ns = kBegin + parent;
    b->sid = b->pgid = b->vpid = b->vsid = b->vpgid = pid;
    b->stdin_ino = 77;
    b->stdin_mode = 0010600;
    b->stdin_magic = 0x50495045;
    auto joined = [](const std::vector<std::string>& words) {
      std::string out;
      for (const std::string& word : words) out.append(word).push_back('\0');
      return out;
    };
    b->argv_size = static_cast<uint32_t>(joined(argv).size());
    b.set_text(&ev_exec::argv, joined(argv)).set_text(&ev_exec::env, joined(env));
    b.set_text(&ev_exec::exepath, argv[0]).set_text(&ev_exec::cwd, "/srv");
    const std::string name = argv[0].substr(argv[0].rfind('/') + 1);
    std::memcpy(b->head.comm, name.c_str(), std::min<size_t>(name.size(), sizeof b->head.comm - 1));
    recorder_->write(b.bytes());
  }

  void open(uint32_t pid, const std::string& name, const std::string& realpath, int64_t fd = 3) {
    decoders::RecordBuilder<ev_open> b(EVT_openat);
    head(b->head, pid, kCgroup);
    b->head.exec_id = 1;
    b->fd = fd;
    b->dirfd = -100;
    b->flags = 02101;  // O_WRONLY|O_CREAT|O_APPEND
    b->fd_flags = fd >= 0 ? FDF_FILE : 0;
    b->i_mode = 0100644;
    b.set_text(&ev_open::name, name).set_text(&ev_open::base, "/srv").set_text(&ev_open::realpath, realpath);
    recorder_->write(b.bytes());
  }

  Result<MadeCase> make(const rule::Loaded& rules, CaseWish wish) {
    REQUIRE(recorder_->finish());
    wish.recording = path();
    return make_case(rules, wish);
  }
  [[nodiscard]] std::string path() const { return dir_ + "/r.rec"; }

 private:
  void head(ev_head& head, uint32_t pid, uint64_t cgroup) {
    head.time_ns = kBegin + (now_ += 1'000'000'000);
    head.start_ns = kBegin + pid;
    head.pid = head.tid = pid;
    head.exec_id = 1;
    head.cgroup_id = cgroup;
    head.uid = head.euid = head.gid = head.egid = 33;
    head.loginuid = UINT32_MAX;
    head.nthreads = 1;
    head.pid_ns = head.mnt_ns = 4;
  }
  std::string dir_;
  std::unique_ptr<sensor::Recorder> recorder_;
  uint64_t now_ = 0;
};

// Does the text pass as a case of these rules?
std::string failure_of(const std::string& text, const rule::Loaded& rules) {
  Diagnostics diagnostics;
  const CaseFile file = read_cases_text("c.yaml", "cases:\n" + text, diagnostics);
  INFO(diagnostics.render_all());
  REQUIRE(file.cases.size() == 1);
  const CaseResult result = run_case(file.cases[0], rules);
  return result.passed() ? "" : result.problems.front().text;
}

const char* const kRules = R"(
- rule: Preload
  desc: d
  condition: evt.type = execve and proc.env[LD_PRELOAD] exists and proc.env[LD_PRELOAD] != "" and container.privileged = true
  output: "%proc.cmdline %user.name %container.name"
  priority: INFO
- rule: Etc
  desc: d
  condition: evt.type = openat and evt.is_open_write = true and fd.name startswith /etc/ and proc.pname = shim
  output: "%fd.name"
  priority: INFO
- rule: Joined
  desc: d
  condition: evt.type in (execve, openat) and proc.exepath in (/bin/one, /bin/two) and proc.stdin.type = pipe
  threshold: {count: 2, timespan: 1m, group_by: [proc.ppid], distinct: evt.type}
  output: x
  priority: INFO
)";

}  // namespace

TEST_CASE("an event that fires becomes a case with what its rule asks for, and nothing more") {
  Scene scene;
  scene.exec(100, {"/bin/quiet"}, {"PATH=/bin"});
  scene.exec(101, {"/bin/job", "a b"}, {"TOKEN=hunter2", "LD_PRELOAD=/tmp/x.so", "PATH=/bin"});
  const rule::Loaded rules = load(kRules);
  const auto made = scene.make(rules, {.rule = "Preload", .name = "a name: of it"});
  REQUIRE(made);
  CHECK(made->same);
  CHECK(made->fires);
  CHECK(made->number == 2);
  CHECK(made->differences.empty());
  CHECK(made->text ==
        "  - name: \"a name: of it\"\n"
        "    process:\n"
        "      cmdline: \"/bin/job 'a b'\"\n"
        "      user: www\n"
        "      env: {LD_PRELOAD: /tmp/x.so}\n"
        "      container: {name: web, privileged: true}\n"
        "      parents:\n"
        "        - /usr/bin/shim\n"
        "    event: execve\n"
        "    expect: [Preload]\n");
  CHECK(failure_of(made->text, rules).empty());
}

TEST_CASE("by its number, an event is about all rules that match it") {
  Scene scene;
  scene.exec(100, {"/bin/one"}, {"LD_PRELOAD=/tmp/x.so"});
  const rule::Loaded rules = load(kRules);
  const auto made = scene.make(rules, {.number = 1});
  REQUIRE(made);
  CHECK(has(made->text, "expect: [Preload]"));
  CHECK(has(made->text, "name: execve by one\n"));
  Scene other;
  other.exec(100, {"/bin/nothing"});
  const auto none = other.make(rules, {.number = 1});
  REQUIRE_FALSE(none);
  CHECK(has(none.error().message, "no rule matches event 1; --rule NAME says"));
  CHECK(has(other.make(rules, {.number = 9}).error().message, "has no event 9: it has 1 of them"));
}

TEST_CASE("the nearest event of a rule that never fires stays silent as a case") {
  Scene scene;
  scene.exec(100, {"/bin/job"});
  scene.open(100, "x", "/srv/x");
  scene.open(100, "../etc/cron.d", "/etc/cron.d", -13);
  scene.exec(200, {"/bin/job"}, {}, EVT_execve, kCgroup, 100);
  scene.open(200, "/etc/passwd", "/etc/passwd");
  const rule::Loaded rules = load(kRules);
  CHECK(scene.make(rules, {.rule = "Etc"}).value().number == 3);
  Scene twin;
  twin.exec(100, {"/bin/job"});
  twin.exec(200, {"/bin/other"}, {}, EVT_execve, kCgroup, 100);
  twin.open(200, "/etc/passwd", "/etc/passwd");
  CHECK(has(twin.make(rules, {.rule = "Etc"}).error().message, "fires for none of its 3 events; --nearest takes"));
  const auto made = twin.make(rules, {.rule = "Etc", .nearest = true});
  REQUIRE(made);
  CHECK(made->number == 3);
  CHECK_FALSE(made->fires);
  INFO(made->text);
  CHECK(made->distance == 2);  // of one comparison that is false
  CHECK(has(made->text, "event: {openat: {name: /etc/passwd, flags: O_APPEND|O_CREAT|O_WRONLY}}"));
  CHECK(has(made->text, "process: {cmdline: /bin/other, parents: [/bin/job]}"));
  CHECK(has(made->text, "expect: []"));
  CHECK(failure_of(made->text, rules).empty());
}

TEST_CASE("a rule that counts different events of siblings") {
  Scene scene;
  scene.exec(100, {"/bin/one"});
  scene.exec(102, {"/bin/two", "of another"}, {}, EVT_execve, kCgroup, 7);
  scene.open(101, "/tmp/x", "/tmp/x");  // of nobody whom the recording knows
  scene.exec(103, {"/bin/two", "-x"});
  scene.open(103, "/tmp/x", "/tmp/x");
  const rule::Loaded rules = load(kRules);
  const auto made = scene.make(rules, {.rule = "Joined"});
  REQUIRE(made);
  CHECK(made->same);
  INFO(made->text);
  CHECK(has(made->text,
            "    events: [execve, {openat: {flags: O_APPEND|O_CREAT|O_WRONLY}}]\n"));  // both are 103's: the nearest
                                                                                       // that make two
  CHECK(failure_of(made->text, rules).empty());
  Scene two;
  two.exec(104, {"/bin/two", "-x"}, {}, EVT_task);
  two.exec(100, {"/bin/one"});
  two.open(104, "/tmp/x", "/tmp/x");
  const auto of_two = two.make(rules, {.rule = "Joined"});
  REQUIRE(of_two);
  INFO(of_two->text);
  CHECK(
      has(of_two->text, "{openat: {flags: O_APPEND|O_CREAT|O_WRONLY}, process: {cmdline: /bin/two -x, stdin: pipe}}"));
  CHECK(has(of_two->text, "cmdline: /bin/one"));
  CHECK(failure_of(of_two->text, rules).empty());
}

TEST_CASE("an event's own process is another child of the same parent") {
  const rule::Loaded rules = load(kRules);
  const std::string head =
      "  - name: n\n    process: {cmdline: /bin/one, exepath: /bin/one, stdin: pipe, parents: [sh, systemd]}\n";
  const std::string other = "{cmdline: /bin/two, exepath: /bin/two, stdin: pipe}";
  CHECK(failure_of(head + "    events: [execve, {openat: {name: /x}, process: " + other + "}]\n    expect: [Joined]\n",
                   rules)
            .empty());
  CHECK(
      failure_of(head + "    events: [execve, {execve: {}, process: " + other + "}]\n    expect: []\n", rules).empty());
  Diagnostics diagnostics;
  CHECK(read_cases_text(
            "c.yaml",
            "cases:\n" + head + "    events: [{openat: {name: /x}, process: {parents: [sh]}}]\n    expect: []\n",
            diagnostics)
            .cases.empty());
  CHECK(has(diagnostics.render_all(), "an event's `process` has no `parents` of its own"));
  CHECK(has(diagnostics.render_all(), "the process has no name"));
}

TEST_CASE("a bystander is whom an event names by number") {
  const rule::Loaded rules = load(rule::test::rule_yaml("evt.type = ptrace and evt.arg.pid = sshd", "x", "Traced"));
  const std::string head = "  - name: n\n    process: gdb\n    event: {ptrace: {request: PTRACE_ATTACH, pid: 2000}}\n";
  CHECK(failure_of(head + "    bystanders: [{name: sshd, pid: 2000}]\n    expect: [Traced]\n", rules).empty());
  CHECK(failure_of(head + "    bystanders: [{name: cron, pid: 2000}]\n    expect: []\n", rules).empty());
  CHECK(failure_of(head + "    expect: []\n", rules).empty());
}

TEST_CASE("every text that a draft holds is read back as it was") {
  std::mt19937 random(7);
  const std::string letters = "ab1:,#{}[]'\"\\ -?|>%@`!&*\n\t\x01=~.\xc3\xa4";
  for (int n = 0; n < 2000; ++n) {
    std::string text;
    for (size_t size = random() % 8; text.size() < size;) text += letters[random() % (letters.size() - 2)];
    if (n % 10 == 0) text += "\xc3\xa4";
    if (n % 97 == 0) text = n % 2 == 0 ? "null" : "~";
    Draft draft = Draft::map();
    draft.add("name", "n");
    Draft process = Draft::map();
    process.add("name", "x");
    process.add("cwd", text);
    draft.add("process", std::move(process));
    Draft event = Draft::map();
    event.add("execve", Draft::map());
    draft.add("event", std::move(event));
    draft.add("expect", Draft::list());
    Diagnostics diagnostics;
    const CaseFile file = read_cases_text("c.yaml", "cases:\n" + case_text(draft), diagnostics);
    INFO(case_text(draft), diagnostics.render_all());
    REQUIRE(file.cases.size() == 1);
    CHECK(file.cases[0].line[0].cwd == text);
  }
}

TEST_CASE("shrinking takes what makes no difference, of parents only the farthest") {
  Draft draft = Draft::map();
  draft.add("kept", "1").wanted = true;
  draft.add("needed", "2");
  draft.add("idle", "3");
  Draft parents = Draft::list();
  for (const char* name : {"a", "b", "c"}) parents.items.emplace_back(name);
  draft.add("parents", std::move(parents));
  auto same = [&] {
    const Draft* list = draft.find("parents");
    return draft.find("needed") != nullptr && list != nullptr && list->items.size() >= 2 && list->items[1].text == "b";
  };
  shrink(draft, same);
  CHECK(flow_text(draft) == "{kept: 1, needed: 2, parents: [a, b]}");
}

TEST_CASE("a recording's knowledge of containers and users comes back, whatever this host has") {
  Metrics metrics;
  context::Containers containers(context::Containers::Options::nothing_read(), metrics);
  context::Users users;
  context::recall(kCgroup,
                  R"({"container":{"id":"b","name":"db","image":"x:1","mounts":[["/a","/b","ro","rslave",false],[1]],)"
                  R"("capabilities":5,"entrypoint":["a","b"],"host_pid":false},"passwd":"app:x:9:9::/:/bin/sh\n",)"
                  R"("group":"staff:x:8:\n"})",
                  containers, users);
  const auto known = containers.of_cgroup(kCgroup);
  REQUIRE(known->facts);
  CHECK(known->facts->name == "db");
  CHECK(known->facts->host_pid == false);
  CHECK_FALSE(known->facts->privileged.has_value());
  CHECK(known->facts->capabilities == 5);
  CHECK(known->facts->entrypoint == std::vector<std::string>{"a", "b"});
  REQUIRE(known->facts->mounts.size() == 1);
  CHECK(known->facts->mounts[0].propagation == "rslave");
  CHECK_FALSE(known->facts->mounts[0].rdwr);
  REQUIRE(containers.user(*known, 9) != nullptr);
  CHECK(containers.user(*known, 9)->name == "app");
  CHECK(containers.user(*known, 0) == nullptr);
  REQUIRE(containers.group(*known, 8) != nullptr);
  CHECK(*containers.group(*known, 8) == "staff");
  context::recall(0, R"({"passwd":"nobody-here:x:4242:1::/:/bin/sh\n"})", containers, users);
  REQUIRE(users.user(4242) != nullptr);
  CHECK(users.user(4242)->name == "nobody-here");
  CHECK(users.user(0) == nullptr);  // the host's own file is not read any more
  for (const char* broken : {"", "[]", "{", R"({"container":7})", R"({"container":{"labels":[],"mounts":{}}})"})
    context::recall(kCgroup, broken, containers, users);
}

TEST_CASE("knowledge is told once, before the first record that it is about") {
  Metrics metrics;
  context::Containers containers(context::Containers::Options::nothing_read(), metrics);
  context::Container facts;
  facts.full_id = facts.id = "b";
  facts.name = "db";
  containers.announce(kCgroup, facts);
  context::ProcessTable table({}, containers, metrics);
  context::Users users("/nonexistent");
  users.announce_user(0, {"root", "/root", "/bin/sh", 0});
  context::Knowledge knowledge(table, containers, users);
  decoders::RecordBuilder<ev_exec> exec(EVT_execve);
  exec->head.pid = exec->head.tid = 7;
  exec->head.start_ns = 1;
  exec->head.cgroup_id = kCgroup;
  table.apply(*decoders::Record::parse(exec.bytes()));
  std::vector<std::string> told;
  auto take = [&](std::span<const std::byte> bytes) {
    const auto record = decoders::Record::parse(bytes);
    REQUIRE(record);
    const auto* known = record->as<ev_known>();
    REQUIRE(known != nullptr);
    told.push_back(std::to_string(known->id) + " " + std::string(record->text(known->json)));
  };
  knowledge.tell_before(exec.bytes(), take);
  REQUIRE(told.size() == 2);
  CHECK(has(told[0], "0 {"));
  CHECK(has(told[0], "root:x:0:0"));
  CHECK(has(told[1], "4711 {\"container\":{\"id\":\"b\""));
  knowledge.tell_before(exec.bytes(), take);
  CHECK(told.size() == 2);
}
