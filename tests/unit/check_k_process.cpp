// Check-list, group K: what is told of processes, their ancestors, credentials and programs.
#include <doctest/doctest.h>

#include "agent/rule/static_fields.h"
#include "check_events_support.h"

using namespace tiercel;
using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

void set_env(World& world, std::string_view env) {
  auto image = std::make_shared<context::Image>(*world.process->image);
  image->env = env;
  world.process->image = std::move(image);
}

// A process that the table knows, so that it is found by its number.
void announce(World& world, uint32_t pid, std::string_view comm, std::string_view path) {
  Builder<ev_exec> builder(EVT_execve);
  builder->head.pid = builder->head.tid = pid;
  builder->head.start_ns = 77;
  builder->head.time_ns = kNow;
  builder->head.pid_ns = Host::kRootPidNs;
  comm.copy(builder->head.comm, sizeof builder->head.comm - 1);
  const std::string argv = "argv0-of-" + std::string(comm) + '\0';
  builder->argv_size = static_cast<uint32_t>(argv.size());
  builder.set_text(&ev_exec::argv, argv).set_text(&ev_exec::exepath, path);
  world.table().apply(*decoders::Record::parse(builder.bytes()));
}

}  // namespace

TEST_CASE("K1 proc.args[n] counts from the first argument; out of range it is empty; without an index all are joined") {
  World world;
  const TestEvent event = exec_event(world);
  all_hold({"proc.args[0] = -c", "proc.args[1] = \"echo hi\"", "proc.args.1 = \"echo hi\"", "proc.args[2] = \"\"",
            "proc.args[99] exists", "proc.args = \"-c echo hi\"", "proc.cmdnargs = 2", "proc.cmdlenargs = 9"},
           event);
  none_holds({"proc.args[0] = -bash", "proc.args[2] = hi", "proc.args contains bash"}, event);
  CHECK(shown("<%proc.args[0]|%proc.args[2]|%proc.args>", event) == "<-c||-c echo hi>");
  world.runs("bash", {"bash"});
  all_hold({"proc.args = \"\"", "proc.args[0] = \"\"", "proc.cmdnargs = 0"}, exec_event(world));
}

TEST_CASE("K2 proc.aname[0] is the process, [1] its parent; beyond the top it is missing") {
  World world;
  const TestEvent event = exec_event(world);
  all_hold({"proc.aname[0] = bash", "proc.aname[1] = sshd", "proc.aname.2 = systemd", "proc.apid[0] = 300",
            "proc.apid[2] = 1", "proc.aexe[1] = sshd", "proc.aexepath[2] = /usr/bin/systemd",
            "proc.acmdline[1] = \"sshd -D -o x\"", "proc.aargs[2] = splash"},
           event);
  for (const std::string field :
       {"proc.aname[3]", "proc.apid[3]", "proc.aexe[3]", "proc.aexepath[3]", "proc.acmdline[3]"})
    CHECK_MESSAGE(is_missing(field, event), field);
  none_holds({"proc.aname[3] != x", "proc.aname[3] = \"\""}, event);
}

TEST_CASE("K3 proc.aname without an index: any ancestor, not the process itself") {
  World world;
  const TestEvent event = exec_event(world);
  all_hold({"proc.aname = sshd", "proc.aname = systemd", "proc.aname in (x, systemd)", "proc.aname startswith ssh",
            "not proc.aname = bash", "proc.apid = 1", "proc.apid = 200", "proc.aexe = /sbin/init",
            "proc.aexepath = /usr/bin/sshd", "proc.acmdline contains splash"},
           event);
  none_holds({"proc.aname = bash", "proc.apid = 300", "proc.aexe = -bash", "proc.aexepath = /usr/bin/bash",
              "proc.acmdline contains echo"},
             event);
  world.runs("sshd", {"sshd"});
  CHECK(holds("proc.aname = sshd", *exec_event(world)));
  World alone;
  alone.process->parent.reset();
  none_holds({"proc.aname = bash", "proc.aname exists"}, exec_event(alone));
}

TEST_CASE("K3 a parent whose end is told before an earlier event is still that event's parent") {
  World world;
  const TestEvent event = exec_event(world);
  const uint64_t time_ns = (*event).head().time_ns;
  world.process->parent->exit_time_ns = time_ns + 1;
  all_hold({"proc.aname[1] = sshd", "proc.aname[2] = systemd"}, event);
  world.process->parent->exit_time_ns = time_ns;
  none_holds({"proc.aname[1] = sshd", "proc.aname = sshd"}, event);
}

TEST_CASE("K4 proc.env: all of it, or the variable of exactly that name") {
  using namespace std::string_literals;
  World world;
  set_env(world, "PATH=/bin\0PATHX=/x\0EMPTY=\0SPACES=  two words \0URL=a=b\0"s);
  const TestEvent event = exec_event(world);
  all_hold({"proc.env[PATH] = /bin", "proc.env[PATHX] = /x", "proc.env[PAT] = \"\"", "proc.env[HOME] = \"\"",
            "proc.env[EMPTY] = \"\"", "proc.env[SPACES] = \"two words\"", "proc.env[URL] = \"a=b\"",
            "proc.env.URL = \"a=b\"", "proc.env[HOME] exists", "proc.env contains \"PATHX=/x\"",
            "proc.env startswith \"PATH=/bin PATHX=\"", "proc.env endswith \"URL=a=b\""},
           event);
  none_holds({"proc.env[PATH] = /x", "proc.env[path] = /bin", "proc.env[PAT] = /bin"}, event);
}

TEST_CASE("K5 proc.sname, proc.pgid.name and proc.vpgid.name: the leader by its number, else the oldest of a line") {
  World world;
  for (auto* process : {world.process.get(), world.parent.get()})
    process->sid = process->vsid = process->pgid = process->vpgid = 900;
  world.init->sid = world.init->vsid = world.init->pgid = world.init->vpgid = 1;
  {  // the leader is gone: sshd is the oldest in a row with that number
    const TestEvent event = exec_event(world);
    all_hold({"proc.sname = sshd", "proc.sid.exe = sshd", "proc.sid.exepath = /usr/bin/sshd", "proc.vpgid.name = sshd",
              "proc.vpgid.exe = sshd", "proc.vpgid.exepath = /usr/bin/sshd", "proc.pgid.name = sshd", "proc.sid = 900",
              "proc.vpgid = 900", "proc.pgid = 900", "proc.is_sid_leader = false", "proc.is_vpgid_leader = false",
              "proc.is_pgid_leader = false"},
             event);
  }
  announce(world, 900, "login", "/bin/login");
  const TestEvent event = exec_event(world);
  all_hold({"proc.sname = login", "proc.sid.exe = argv0-of-login", "proc.sid.exepath = /bin/login",
            "proc.vpgid.name = login", "proc.vpgid.exe = argv0-of-login", "proc.vpgid.exepath = /bin/login",
            "proc.pgid.name = login", "proc.pgid.exepath = /bin/login"},
           event);
  World leader;
  leader.process->sid = leader.process->pgid = 300;
  all_hold({"proc.sname = bash", "proc.vpgid.name = bash", "proc.is_sid_leader = true", "proc.is_vpgid_leader = true",
            "proc.is_pgid_leader = true"},
           exec_event(leader));
}

TEST_CASE("K6 the executable's inode, times, flags and path, and the capabilities") {
  World world;
  CHECK(is_missing("proc.exe_ino", exec_event(world)));
  auto image = std::make_shared<context::Image>(*world.process->image);
  image->exe_ino = 1234;
  image->exe_ino_ctime = kWall - 30'000'000'000;
  image->exe_ino_mtime = kWall - 40'000'000'000;
  image->exe_flags = 1 | 2;  // EXE_WRITABLE, EXE_UPPER_LAYER
  world.process->image = image;
  const TestEvent event = event_of<ev_exec>(world, EVT_execve, [](Builder<ev_exec>& b) {
    b->head.cap_permitted = 1ull << 0 | 1ull << 21;
    b->head.cap_effective = 1ull << 21;
  });
  // The process started 20 s, less 300 ns, before the event.
  all_hold({"proc.exe_ino = 1234", "proc.is_exe_writable = true", "proc.is_exe_upper_layer = true",
            "proc.is_exe_lower_layer = false", "proc.is_exe_from_memfd = false",
            "thread.cap_permitted = \"CAP_CHOWN CAP_SYS_ADMIN\"", "thread.cap_effective = CAP_SYS_ADMIN",
            "thread.cap_inheritable = \"\""},
           event);
  CHECK(shown("%proc.exe_ino.ctime %proc.exe_ino.mtime %proc.exe_ino.ctime_duration_proc_start", event) ==
        std::to_string(kWall - 30'000'000'000) + " " + std::to_string(kWall - 40'000'000'000) + " 10000000300");
  image = std::make_shared<context::Image>(*image);
  image->exe_flags = 4 | 8;  // EXE_FROM_MEMFD, EXE_LOWER_LAYER
  world.process->image = image;
  all_hold({"proc.is_exe_writable = false", "proc.is_exe_upper_layer = false", "proc.is_exe_lower_layer = true",
            "proc.is_exe_from_memfd = true"},
           exec_event(world));
  Host host;
  CHECK(host.exec({}, {.exepath = "/tmp/gone (deleted)"}, "%proc.exepath") == Texts{"/tmp/gone"});
}

TEST_CASE("K7 command lines, and times since a process and its parent started") {
  World world;
  const TestEvent event = exec_event(world);
  all_hold({"proc.cmdline = \"bash -c echo hi\"", "proc.exeline = \"-bash -c echo hi\"",
            "proc.pcmdline = \"sshd -D -o x\"", "proc.exe = -bash", "proc.pexe = sshd", "proc.duration = 19999999700",
            "proc.ppid.duration = 19999999800", "proc.duration > 0"},
           event);
  CHECK(shown("%proc.pid.ts %proc.ppid.ts", event) ==
        std::to_string(kWall - 19'999'999'700) + " " + std::to_string(kWall - 19'999'999'800));
  world.runs("true", {"/bin/true"});
  all_hold({"proc.cmdline = true", "proc.exeline = /bin/true"}, exec_event(world));
}

TEST_CASE("K19 user.*: root without an entry, an entry with empty texts, and the login user on its own") {
  World world;
  world.process->uid = world.process->euid = 0;
  world.process->loginuid = UINT32_MAX;
  all_hold({"user.uid = 0", "user.name = root", "user.homedir = /root", "user.shell = \"<NA>\"", "user.loginuid = -1",
            "user.loginname = \"<NA>\""},
           exec_event(world));
  world.users().announce_user(1000, {"ann", "", "", 1000});
  world.process->uid = world.process->euid = 1000;
  world.process->loginuid = 1001;
  all_hold({"user.name = ann", "user.homedir = \"\"", "user.shell = \"\"", "user.loginuid = 1001",
            "user.loginname = \"<NA>\""},
           exec_event(world));
  world.users().announce_user(1001, {"bob", "/home/bob", "/bin/sh", 1001});
  all_hold({"user.name = ann", "user.loginname = bob"}, exec_event(world));
  world.process->uid = world.process->euid = 1002;
  all_hold({"user.name = \"<NA>\"", "user.homedir = \"<NA>\"", "user.shell = \"<NA>\"", "user.loginname = bob",
            "user.name exists"},
           exec_event(world));
}

TEST_CASE("K20 group.name: the entry's, else the text <NA>") {
  World world;
  world.process->gid = world.process->egid = 50;
  all_hold({"group.gid = 50", "group.name = \"<NA>\"", "group.name exists"}, exec_event(world));
  world.users().announce_group(50, "staff");
  all_hold({"group.gid = 50", "group.name = staff"}, exec_event(world));
}

TEST_CASE("K21 static fields are texts, for conditions and outputs") {
  struct Restore {
    StaticFields before = static_fields();
    ~Restore() { set_static_fields(before); }
  } restore;
  set_static_fields({{"site", "north"}, {"rack", "7"}});
  World world;
  const TestEvent event = exec_event(world);
  all_hold({"static.site = north", "static.site startswith nor", "static.rack = 7", "static.rack in (7, 8)",
            "static.site != south"},
           event);
  none_holds({"static.site = south", "static.rack = 07"}, event);
  CHECK(shown("%static.site/%static.rack", event) == "north/7");
}

TEST_CASE("K22 clone and execve change what is known of a process") {
  using namespace std::string_literals;
  Host host;
  host.exec({.pid = 1, .comm = "systemd"}, {.argv = {"/sbin/init"}}, "x");
  const std::string_view format = "%proc.name %proc.pname %proc.cmdline %proc.cwd %proc.env[A] %proc.vpid";
  CHECK(host.exec({}, {.argv = {"-bash", "-l"}, .env = "A=1\0B=2\0"s}, format) ==
        Texts{"bash systemd bash -l /root/ 1 300"});
  // Both sides of a creation are events; the child is its parent's double, with numbers of its own.
  CHECK(host.fork({}, {.pid = 400, .vpid = 7, .pid_ns = 555},
                  "%evt.type %evt.rawres %proc.pid %proc.ppid %proc.vpid %thread.tid %thread.vtid %proc.name "
                  "%proc.args %proc.cwd %proc.env[B]") ==
        Texts{"clone 7 300 1 300 300 300 bash -l /root/ 2", "clone 0 400 300 7 400 7 bash -l /root/ 2"});
  const Host::Who child{.pid = 400, .exec_id = 2, .comm = "ls"};
  CHECK(host.exec(child, {.argv = {"ls", "/"}, .env = "A=3\0"s, .cwd = "/srv", .parent = 300, .vpid = 7},
                  "%proc.name %proc.pname %proc.cmdline %proc.cwd %proc.env[A]%proc.env[B] %proc.vpid %thread.vtid") ==
        Texts{"ls bash ls / /srv/ 3 7 7"});
  CHECK(host.exec({}, {.argv = {"nosuch"}, .cwd = "/x", .exepath = "", .res = -2}, "%proc.cmdline %evt.res") ==
        Texts{"bash -l ENOENT"});
  CHECK(host.call({}, EVT_kill, 1, 9, 0, "%proc.cmdline %proc.cwd") == Texts{"bash -l /root/"});
}

TEST_CASE("K23 setuid and its kin change user.uid, setsid and setpgid the numbers; users added are not events yet") {
  Host host;
  host.users().announce_user(33, {"www-data", "/var/www", "/bin/sh", 33});
  host.exec({}, {.sid = 200, .pgid = 200}, "x");
  // The record of a call that worked has the ids after it.
  auto setid = [&host](uint16_t type, uint32_t uid, int64_t res) {
    Builder<ev_setid> b(type);
    b->res = res;
    b->uid = b->ruid = b->euid = b->suid = 33;
    return host.feed(b, {.uid = uid}, "%evt.type %user.uid %user.name %evt.res");
  };
  CHECK(setid(EVT_setuid, 0, -1) == Texts{"setuid 0 root EPERM"});
  CHECK(setid(EVT_setuid, 33, 0) == Texts{"setuid 33 www-data SUCCESS"});
  CHECK(host.process(300)->euid == 33);
  CHECK(host.call({.uid = 33}, EVT_kill, 1, 9, 0, "%user.uid %user.name") == Texts{"33 www-data"});
  CHECK(setid(EVT_setresuid, 0, 0) == Texts{"setresuid 0 root SUCCESS"});
  CHECK(setid(EVT_setreuid, 33, 0) == Texts{"setreuid 33 www-data SUCCESS"});
  // A child has the ids of its parent.
  CHECK(host.fork({.uid = 33}, {}, "%proc.pid %user.uid") == Texts{"300 33", "400 33"});
  const std::string_view numbers = "%proc.sid %proc.vpgid %proc.pgid %proc.is_sid_leader";
  CHECK(host.call({.uid = 33}, EVT_setsid, 0, 0, -1, numbers) == Texts{"200 200 200 false"});
  CHECK(host.call({.uid = 33}, EVT_setsid, 0, 0, 300, numbers) == Texts{"300 300 300 true"});
  CHECK(host.call({.uid = 33}, EVT_setpgid, 400, 300, 0, numbers) == Texts{"300 300 300 true"});
  CHECK(host.process(400)->pgid == 300);
  CHECK(host.call({.uid = 33}, EVT_setpgid, 400, 0, 0, numbers) == Texts{"300 300 300 true"});
  CHECK(host.process(400)->pgid == 400);
  for (const std::string type : {"useradded", "userdeleted", "groupadded", "groupdeleted", "container"})
    CHECK_MESSAGE(condition_errors("evt.type = " + type).empty(), type);
}
