// What moves a process between sessions, groups, identities and parents.
#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "agent/context/image.h"
#include "context_support.h"

using namespace tiercel;
using namespace tiercel::context;
using namespace tiercel::context::test;

namespace {

constexpr uint32_t kRootPidNs = 0xEFFFFFFC, kOtherPidNs = 4026532200;

// A shell in a pid namespace of its own: pids 10 and 11 on the host are 1 and 7 inside.
struct Inside {
  World w;
  Inside() {
    made(10, 100, 1);
    made(11, 200, 7);
  }
  void made(uint32_t pid, uint64_t start_ns, uint32_t vpid, uint32_t pid_ns = kOtherPidNs) {
    RecordBuilder<ev_exec> b(EVT_execve);
    World::set_head(b->head, pid, start_ns, 1, 1000);
    b->head.pid_ns = pid_ns;
    b->vpid = vpid;
    b->sid = b->pgid = 10;
    b->vsid = b->vpgid = 1;
    b->tty = 34817;
    w.apply(b);
  }
  void ended(uint32_t pid, uint64_t start_ns) {
    RecordBuilder<ev_exit> b(EVT_procexit);
    World::set_head(b->head, pid, start_ns, 1, 1000);
    b->head.pid_ns = kOtherPidNs;
    w.apply(b);
  }
};

}  // namespace

TEST_CASE("setsid: leader of a session and a group of its own, without a terminal") {
  Inside i;
  i.w.call(EVT_setsid, *i.w.get(11, 200), 0, 0, 7);
  const auto process = i.w.get(11, 200);
  CHECK(process->sid == 11);
  CHECK(process->pgid == 11);
  CHECK(process->vsid == 7);
  CHECK(process->vpgid == 7);
  CHECK(process->tty == 0);
}

TEST_CASE("calls that failed move nobody") {
  Inside i;
  i.w.call(EVT_setsid, *i.w.get(11, 200), 0, 0, -1);
  i.w.call(EVT_setpgid, *i.w.get(11, 200), 0, 0, -13);
  const auto process = i.w.get(11, 200);
  CHECK(process->sid == 10);
  CHECK(process->pgid == 10);
  CHECK(process->vsid == 1);
  CHECK(process->vpgid == 1);
  CHECK(process->tty == 34817);
}

TEST_CASE("setpgid: zeros mean the caller; other numbers are those of its pid namespace") {
  Inside i;
  const auto shell = i.w.get(10, 100), job = i.w.get(11, 200);
  i.made(7, 700, 7, kRootPidNs);  // pid 7 on the host is somebody else
  i.w.call(EVT_setpgid, *job);
  CHECK(job->pgid == 11);
  CHECK(job->vpgid == 7);
  CHECK(job->sid == 10);
  CHECK(job->tty == 34817);
  i.w.call(EVT_setpgid, *shell, 7, 1);  // the shell moves its job into its own group
  CHECK(job->pgid == 10);
  CHECK(job->vpgid == 1);
  i.w.call(EVT_setpgid, *shell, 7, 0);  // ... and into the job's own
  CHECK(job->pgid == 11);
  CHECK(job->vpgid == 7);
  i.w.call(EVT_setpgid, *shell, 0, 7);
  CHECK(shell->pgid == 11);
  CHECK(shell->vpgid == 7);
  CHECK(i.w.get(7, 700)->pgid == 10);
  // pid_t is 32 bits of the register
  i.w.call(EVT_setpgid, *job, 0xffffffff00000000, 0xffffffff00000001);
  CHECK(job->pgid == 10);
}

TEST_CASE("setpgid with numbers that nobody has") {
  Inside i;
  const auto shell = i.w.get(10, 100);
  i.w.call(EVT_setpgid, *shell, 99, 1);
  CHECK(i.w.table.size() == 2);
  CHECK(shell->vpgid == 1);
  i.w.call(EVT_setpgid, *shell, 0, 99);  // the group is known by its number alone
  CHECK(shell->vpgid == 99);
  CHECK(shell->pgid == 10);
}

TEST_CASE("numbers in a pid namespace find their process while it is there") {
  Inside i;
  i.made(12, 300, 7, kOtherPidNs + 1);
  CHECK(i.w.table.by_vpid(kOtherPidNs, 7)->key.pid == 11);
  CHECK(i.w.table.by_vpid(kOtherPidNs + 1, 7)->key.pid == 12);
  CHECK(i.w.table.by_vpid(kOtherPidNs, 11) == nullptr);
  CHECK(i.w.table.by_vpid(kRootPidNs, 11)->key.pid == 11);
  // forks give numbers as execs do
  RecordBuilder<ev_fork> b(EVT_fork);
  World::set_head(b->head, 10, 100, 1, 1100);
  b->head.pid_ns = kOtherPidNs;
  b->child_pid = b->child_tid = 13;
  b->child_start_ns = 400;
  b->child_exec_id = 1;
  b->child_vpid = 8;
  b->child_pid_ns = kOtherPidNs;
  i.w.apply(b);
  CHECK(i.w.table.by_vpid(kOtherPidNs, 8)->key.pid == 13);
  i.w.exit(13, 400, 1, 1200);
  i.w.exec(14, 500, 1, 9000, "/bin/later");
  CHECK(i.w.table.by_vpid(kOtherPidNs, 8) == nullptr);
  i.made(15, 600, 8);
  CHECK(i.w.table.by_vpid(kOtherPidNs, 8)->key.pid == 15);
}

TEST_CASE("credentials and capabilities are those of the latest record, whatever it is about") {
  World w;
  w.exec(10, 100, 1, 1000, "/usr/bin/sudo");
  auto record = [&](uint16_t flags) {
    RecordBuilder<ev_open> b(EVT_openat);
    World::set_head(b->head, 10, 100, 1, 1100);
    b->head.flags = flags;
    b->head.uid = 1;
    b->head.euid = 2;
    b->head.gid = 3;
    b->head.egid = 4;
    b->head.loginuid = 5;
    b->head.cap_inheritable = 6;
    b->head.cap_permitted = 7;
    b->head.cap_effective = 1ull << 40;
    b->head.mnt_ns = 8;
    b->head.pid_ns = 9;
    w.apply(b);
  };
  record(EVF_THREAD);  // a thread has its own
  CHECK(w.get(10, 100)->euid == 0);
  CHECK(w.get(10, 100)->cap_effective == 0);
  record(0);
  const auto process = w.get(10, 100);
  CHECK(process->uid == 1);
  CHECK(process->euid == 2);
  CHECK(process->gid == 3);
  CHECK(process->egid == 4);
  CHECK(process->loginuid == 5);
  CHECK(process->cap_inheritable == 6);
  CHECK(process->cap_permitted == 7);
  CHECK(process->cap_effective == 1ull << 40);
  CHECK(process->ns.mnt == 8);
  CHECK(process->ns.pid == 9);
  // what it makes has them too
  RecordBuilder<ev_fork> b(EVT_fork);
  World::set_head(b->head, 10, 100, 1, 1200);
  b->head.euid = 2;
  b->head.cap_effective = 1ull << 40;
  b->child_pid = b->child_tid = 11;
  b->child_start_ns = 200;
  b->child_exec_id = 1;
  w.apply(b);
  CHECK(w.get(11, 200)->euid == 2);
  CHECK(w.get(11, 200)->cap_effective == 1ull << 40);
}

TEST_CASE("a thread that executes takes its process's place") {
  World w;
  w.exec(10, 100, 1, 1000, "/bin/threads");
  w.fork(10, 100, 1, 1050, {11, 150});
  RecordBuilder<ev_exec> b(EVT_execve);
  World::set_head(b->head, 10, 100, 2, 1100);
  b->head.tid = 17;  // a hook that still sees the thread by its old number
  b->head.flags = EVF_THREAD;
  b->head.euid = 1000;
  b->ptid = 1;
  b->parent_start_ns = 1;
  b.set_text(&ev_exec::exepath, "/bin/next");
  w.apply(b);
  CHECK(w.table.size() == 2);
  const auto process = w.get(10, 100);
  CHECK(process->key == ProcessKey{10, 100});
  CHECK(process->image->exepath == "/bin/next");
  CHECK(process->euid == 1000);
  CHECK(ProcessTable::image_of(*process, 1)->exepath == "/bin/threads");
  CHECK(w.get(11, 150)->parent == process);
  CHECK(w.table.by_pid(10) == process);
}

TEST_CASE("an exec that failed changes nothing") {
  World w;
  w.exec(10, 100, 1, 1000, "/bin/sh");
  RecordBuilder<ev_exec> b(EVT_execve);
  World::set_head(b->head, 10, 100, 1, 1100);
  b->res = -2;
  b.set_text(&ev_exec::exepath, "/bin/none").set_text(&ev_exec::cwd, "/elsewhere");
  w.apply(b);
  CHECK(w.get(10, 100)->image->exepath == "/bin/sh");
  CHECK(w.get(10, 100)->cwd == "/home");
}

TEST_CASE("a thread is no process") {
  World w;
  w.exec(10, 100, 1, 1000, "/bin/sh");
  RecordBuilder<ev_fork> b(EVT_clone);
  World::set_head(b->head, 10, 100, 1, 1100);
  b->child_pid = 10;
  b->child_tid = 12;
  b->child_start_ns = 100;
  w.apply(b);
  CHECK(w.table.size() == 1);
}

TEST_CASE("a pid used again, with another start: neither the old records nor the old exit touch the new process") {
  World w;
  w.exec(10, 100, 1, 1000, "/bin/old");
  w.exec(10, 900, 4, 1100, "/bin/new");  // its fork was lost, and the old one's exit is late
  w.exit(10, 100, 1, 1150);
  CHECK(w.get(10, 900)->exit_time_ns == 0);
  CHECK(w.table.by_pid(10)->key.start_ns == 900);
  CHECK(w.table.of(World::head(10, 100, 1))->image->exepath == "/bin/old");
  w.exec(12, 300, 1, 5000, "/bin/later");
  CHECK_FALSE(w.table.find({10, 100}));
  CHECK(w.table.by_pid(10)->key.start_ns == 900);
  CHECK(w.get(10, 900)->image->exepath == "/bin/new");
}

TEST_CASE("orphans go to the reaper, over several that ended, and with what they make later") {
  World w;
  w.exec(1, 1, 0, 900, "/sbin/init");
  w.exec(5, 50, 1, 950, "/usr/bin/subreaper");
  w.exec(10, 100, 1, 1000, "/bin/a", {5, 50});
  w.fork(10, 100, 1, 1010, {11, 200});
  w.fork(11, 200, 1, 1020, {12, 300});
  w.exit(11, 200, 1, 1030, {10, 100});  // a thread of the family takes the child ...
  w.exit(10, 100, 1, 1040, {5, 50});    // ... and ends as well
  CHECK(ProcessTable::parent_of(*w.get(12, 300), w.table)->key == ProcessKey{5, 50});
  w.fork(12, 300, 1, 1050, {13, 400});
  CHECK(w.get(13, 400)->parent->key == ProcessKey{12, 300});
  w.exit(12, 300, 1, 1060, {5, 50});
  w.exit(5, 50, 1, 1070, {1, 1});
  CHECK(ProcessTable::parent_of(*w.get(13, 400), w.table)->key == ProcessKey{1, 1});
  w.exit(1, 1, 0, 1080, {0, 0});
  CHECK(ProcessTable::parent_of(*w.get(13, 400), w.table) == nullptr);
}

TEST_CASE("a second exit of the same process is no other reaper") {
  World w;
  w.exec(10, 100, 1, 1000, "/bin/sh");
  w.exit(10, 100, 1, 1100, {1, 1});
  w.exit(10, 100, 1, 1200, {5, 50});
  CHECK(w.get(10, 100)->reaper == ProcessKey{1, 1});
  CHECK(w.get(10, 100)->exit_time_ns == 1100);
}

TEST_CASE("more living processes than there is room for: the newest is always there, and nothing else is kept") {
  World w(16);
  std::vector<std::weak_ptr<Process>> all;
  for (uint32_t pid = 100; pid < 1100; ++pid) {
    w.exec(pid, pid, 1, pid, "/bin/x");
    all.push_back(w.get(pid, pid));
    CHECK(w.table.size() <= 16);
    CHECK(w.table.by_pid(pid) == w.get(pid, pid));
  }
  CHECK(w.metrics.sum("tiercel_processes_evicted_total") == 1000 - 16);
  size_t held = 0;
  for (const auto& process : all) held += !process.expired();
  CHECK(held == w.table.size());
}

TEST_CASE("those who ended make room before the living do") {
  World w(16);
  for (uint32_t pid = 100; pid < 110; ++pid) w.exec(pid, pid, 1, 1000, "/bin/alive");
  for (uint32_t pid = 200; pid < 1200; ++pid) {
    w.exec(pid, pid, 1, 1000, "/bin/short");
    w.exit(pid, pid, 1, 1000);
  }
  CHECK(w.metrics.sum("tiercel_processes_evicted_total") == 0);
  for (uint32_t pid = 100; pid < 110; ++pid) CHECK(w.table.find({pid, pid}));
}

TEST_CASE("a chain of processes that each end after they made the next is not kept") {
  World w;
  w.exec(1, 1, 0, 900, "/sbin/init");
  w.exec(100, 100, 1, 1000, "/bin/chain");
  std::vector<std::weak_ptr<Process>> all;
  for (uint32_t pid = 100; pid < 1100; ++pid) {
    all.push_back(w.get(pid, pid));
    w.fork(pid, pid, 1, pid * 100, {pid + 1, pid + 1});
    w.exit(pid, pid, 1, pid * 100 + 1);
  }
  size_t held = 0;
  for (const auto& process : all) held += !process.expired();
  CHECK(held <= 64);
}

#if defined(__SANITIZE_ADDRESS__)
// Of the sanitizer's runtime (sanitizer/allocator_interface.h, which GCC does not install).
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, size_t),
                                                         void (*free_hook)(const volatile void*));

TEST_CASE("the numbers of processes that ended are forgotten with them") {
  Inside i;
  auto pass = [&](uint32_t first) {
    for (uint32_t pid = first; pid < first + 30; ++pid) {  // fewer than would make the table look for dead numbers
      i.made(pid, pid, pid);
      i.ended(pid, pid);
    }
    i.w.exec(500, 5000, 1, 900'000, "/bin/later");
    CHECK(i.w.table.size() == 3);
  };
  pass(1000);
  static std::atomic<int64_t> blocks{0};
  static const int installed =
      __sanitizer_install_malloc_and_free_hooks([](const volatile void* block, size_t) { blocks += block != nullptr; },
                                                [](const volatile void* block) { blocks -= block != nullptr; });
  REQUIRE(installed > 0);
  pass(2000);
  const int64_t before = blocks;
  pass(3000);
  CHECK(blocks - before < 30);
}
#endif
