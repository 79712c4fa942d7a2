// Check-list, group K: what an event says of itself: its result, its category, its parameters, its data.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "check_events_support.h"

using namespace tiercel;
using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

constexpr uint32_t kTmpFile = 020000000 | O_DIRECTORY;
constexpr uint32_t kFmodeCreated = 0x100000;  // include/linux/fs.h

TestEvent created(World& world, uint16_t type, uint32_t flags, uint32_t mode, uint32_t fmode, int64_t fd = 3) {
  return event_of<ev_open>(world, type, [&](Builder<ev_open>& b) {
    b->fd = fd;
    b->flags = flags;
    b->mode = mode;
    b->fmode = fmode;
    b.set_text(&ev_open::name, "/x");
  });
}

TestEvent io(World& world, uint16_t type, int64_t res, std::string_view data, std::string_view path = "/tmp/f",
             uint32_t i_mode = S_IFREG | 0644) {
  return event_of<ev_io>(world, type, [&](Builder<ev_io>& b) {
    b->res = res;
    b->fd = 4;
    b->size = 8192;
    set_file(b, path, i_mode);
    b.set_text(&ev_io::data, data);
  });
}

TestEvent io_on_socket(World& world, uint16_t family) {
  return event_of<ev_io>(world, EVT_read, [&](Builder<ev_io>& b) {
    b->res = 1;
    b->fd = 4;
    b->family = family;
    set_file(b, "", S_IFSOCK | 0777);
  });
}

std::string arg(const std::string& name, const TestEvent& event) {
  return shown("%evt.arg." + name, event);
}

}  // namespace

TEST_CASE("K14 evt.is_open_read and evt.is_open_write by the access mode, also of opens that failed") {
  World world;
  for (uint16_t type : {EVT_open, EVT_openat, EVT_openat2, EVT_open_by_handle_at})
    for (int64_t fd : {3, -13}) {
      all_hold({"evt.is_open_read = true", "evt.is_open_write = false"},
               open_event(world, {.type = type, .flags = O_RDONLY | O_CLOEXEC, .fd = fd, .realpath = "/x"}));
      all_hold({"evt.is_open_read = false", "evt.is_open_write = true"},
               open_event(world, {.type = type, .flags = O_WRONLY | O_CREAT | O_TRUNC, .fd = fd, .realpath = "/x"}));
      all_hold({"evt.is_open_read = true", "evt.is_open_write = true"},
               open_event(world, {.type = type, .flags = O_RDWR | O_APPEND, .fd = fd, .realpath = "/x"}));
    }
  none_holds({"evt.is_open_read = true", "evt.is_open_write = true"}, open_event(world, {.type = EVT_creat}));
  none_holds(
      {"evt.is_open_read = true", "evt.is_open_write = true", "evt.is_open_exec = true", "evt.is_open_create = true"},
      exec_event(world));
}

TEST_CASE("K14 evt.is_open_exec by mode, where a file may be made; evt.is_open_create where one was") {
  World world;
  struct Case {
    uint16_t type;
    uint32_t flags, mode;
    bool exec;
  };
  for (const Case& c : {Case{EVT_creat, 0, 0700, true}, Case{EVT_creat, 0, 0010, true}, Case{EVT_creat, 0, 0001, true},
                        Case{EVT_creat, 0, 0644, false}, Case{EVT_openat, O_CREAT | O_WRONLY, 0755, true},
                        Case{EVT_openat, O_CREAT | O_WRONLY, 0666, false}, Case{EVT_openat, O_RDONLY, 0755, false},
                        Case{EVT_open, O_CREAT, 0100, true}, Case{EVT_openat2, kTmpFile | O_RDWR, 0700, true},
                        Case{EVT_openat, kTmpFile | O_RDWR, 0600, false}}) {
    const TestEvent event = created(world, c.type, c.flags, c.mode, 0);
    CHECK_MESSAGE(holds("evt.is_open_exec = true", *event) == c.exec, (*event).type()
                                                                          << " " << c.flags << " " << c.mode);
  }
  for (uint16_t type : {EVT_open, EVT_openat, EVT_openat2, EVT_creat}) {
    CHECK(holds("evt.is_open_create = true", *created(world, type, O_CREAT | O_WRONLY, 0644, kFmodeCreated)));
    CHECK(!holds("evt.is_open_create = true", *created(world, type, O_CREAT | O_WRONLY, 0644, 0)));
    CHECK(!holds("evt.is_open_create = true", *created(world, type, O_CREAT | O_WRONLY, 0644, kFmodeCreated, -13)));
  }
  CHECK(holds("evt.is_open_create = true", *created(world, EVT_openat, kTmpFile | O_RDWR, 0600, 0)));
  CHECK(!holds("evt.is_open_create = true", *created(world, EVT_openat, kTmpFile | O_RDWR, 0600, 0, -95)));
  CHECK(!holds("evt.is_open_create = true", *created(world, EVT_openat, O_DIRECTORY, 0, 0)));
}

TEST_CASE("K15 evt.res, evt.rawres and evt.failed of results that are positive, zero, negative and missing") {
  World world;
  all_hold({"evt.res = SUCCESS", "evt.rawres = 3", "evt.failed = false", "evt.count.error = 0"}, open_event(world));
  all_hold({"evt.res = SUCCESS", "evt.rawres = 0", "evt.failed = false"}, setuid_event(world, 0));
  all_hold({"evt.res = SUCCESS", "evt.rawres = 4096"}, io(world, EVT_read, 4096, "x"));
  all_hold({"evt.res = ENOENT", "evt.rawres = -2", "evt.failed = true", "evt.count.error = 1",
            "evt.count.error.file = 1", "evt.count.error.net = 0"},
           open_event(world, {.fd = -2}));
  all_hold({"evt.res = EACCES", "evt.failed = true"}, exec_event(world, -13));
  const TestEvent later = sock_event(world, {.res = -115});
  all_hold({"evt.res = EINPROGRESS", "evt.rawres = -115", "evt.failed = true", "evt.count.error = 0"}, later);
  const TestEvent end = event_of<ev_exit>(world, EVT_procexit, [](Builder<ev_exit>& b) { b->status = 256; });
  for (const std::string field : {"evt.res", "evt.rawres", "evt.failed"}) CHECK_MESSAGE(is_missing(field, end), field);
}

TEST_CASE("K16 evt.category by the event; of reads, writes and closes by what the descriptor is") {
  World world;
  CHECK(holds("evt.category = file", *open_event(world)));
  CHECK(holds("evt.category = net", *sock_event(world)));
  CHECK(holds("evt.category = process", *exec_event(world)));
  CHECK(holds("evt.category = user", *setuid_event(world, 0)));
  CHECK(holds("evt.category = signal", *call_event(world, EVT_kill, 0, 1, 9)));
  CHECK(holds("evt.category = other", *call_event(world, EVT_kexec_load, 0)));
  CHECK(holds("evt.category = IPC", *event_of<ev_pair>(world, EVT_pipe2, [](Builder<ev_pair>& b) { b->fd1 = 3; })));
  CHECK(holds("evt.category = memory", *event_of<ev_memory>(world, EVT_mprotect, [](Builder<ev_memory>&) {})));
  CHECK(holds("evt.category = time", *file_event(world, EVT_timerfd_create, 3, "[timerfd]", 0600, 0x09041934)));
  CHECK(holds("evt.category = wait", *file_event(world, EVT_epoll_create1, 3, "[eventpoll]", 0600, 0x09041934)));
  for (uint16_t type : {EVT_read, EVT_write, EVT_pread, EVT_writev})
    CHECK(holds("evt.category = file", *io(world, type, 1, "x")));
  CHECK(holds("evt.category = file", *file_event(world, EVT_close, 3, "/etc/passwd")));
  CHECK(holds("evt.category = ipc", *io(world, EVT_read, 1, "x", "pipe:", S_IFIFO | 0600)));
  CHECK(holds("evt.category = ipc", *io_on_socket(world, AF_UNIX)));
  CHECK(holds("evt.category = net", *io_on_socket(world, AF_INET)));
  CHECK(holds("evt.category = net", *io_on_socket(world, AF_INET6)));
  CHECK(holds("evt.category = unknown", *file_event(world, EVT_close, 3, "[timerfd]", 0600, 0x09041934)));
  CHECK(holds("evt.category = unknown", *file_event(world, EVT_close, -1, "", 0, 0, -9)));
}

TEST_CASE("K17 evt.arg of numbers: decimal, hexadecimal, octal, errors, descriptors, processes, users, signals") {
  World world;
  const auto listen = event_of<ev_desc>(world, EVT_listen, [](Builder<ev_desc>& b) {
    b->fd = -1;
    b->a0 = 9;
    b->a1 = 128;
  });
  CHECK(arg("backlog", listen) == "128");
  CHECK(arg("mode", path_event(world, EVT_mkdir, {.name = "/d", .a1 = 0755})) == "1ED");
  const TestEvent open = open_event(world, {.flags = O_WRONLY | O_CREAT | O_TRUNC, .mode = 0644});
  CHECK(arg("mode", open) == "0644");
  CHECK(arg("mode", open_event(world)) == "0");
  CHECK(arg("dev", open) == "801");
  CHECK(arg("ino", open) == "4711");
  CHECK(arg("dirfd", open) == "AT_FDCWD");
  CHECK(arg("fd", open_event(world, {.fd = -2})) == "ENOENT");
  CHECK(arg("fd", file_event(world, EVT_fchmod, 4, "/etc/passwd")) == "<f>/etc/passwd");
  CHECK(arg("fd", sock_event(world)) == "<4t>10.0.0.1:40000->192.168.7.9:443");
  CHECK(arg("newfd", event_of<ev_desc>(world, EVT_dup2, [](Builder<ev_desc>& b) {
              b->res = b->fd = -1;
              b->a1 = 9;
            })) == "9");
  CHECK(arg("res", mount_event(world, "a", "/b")) == "0");
  CHECK(arg("res", io(world, EVT_read, 77, "x")) == "77");
  CHECK(arg("res", mount_event(world, "a", "/b", -1)) == "EPERM");
  CHECK(arg("uid", setuid_event(world, 0)) == "root");
  CHECK(arg("uid", setuid_event(world, UINT32_MAX)) == "<NONE>");
  CHECK(arg("uid", setuid_event(world, 4321)) == "<NA>");
  world.users().announce_user(33, {"www-data", "", "", 33});
  world.users().announce_group(33, "www");
  CHECK(arg("uid", setuid_event(world, 33)) == "www-data");
  CHECK(arg("gid", event_of<ev_setid>(world, EVT_setgid, [](Builder<ev_setid>& b) { b->gid = 33; })) == "www");
  CHECK(arg("sig", call_event(world, EVT_kill, 0, 12, SIGKILL)) == "SIGKILL");
  CHECK(arg("pid", call_event(world, EVT_kill, 0, 12, SIGKILL)) == "12");
  Host host;
  host.exec({.pid = 12}, {}, "x");
  CHECK(host.call({}, EVT_kill, 12, SIGTERM, 0, "%evt.arg.pid %evt.arg[2] %evt.args") ==
        Texts{"bash SIGTERM res=0 pid=12(bash) sig=15(SIGTERM)"});
}

TEST_CASE("K17 evt.arg of flags, enumerations and modes") {
  World world;
  CHECK(arg("flags", open_event(world, {.flags = O_WRONLY | O_CREAT | O_TRUNC})) == "O_TRUNC|O_CREAT|O_WRONLY");
  CHECK(arg("flags", open_event(world)) == "O_RDONLY");
  CHECK(arg("flags", open_event(world, {.flags = O_RDWR | O_CLOEXEC})) == "O_RDWR|O_CLOEXEC");
  const auto unlinkat = [&world](uint64_t flags) {
    return path_event(world, EVT_unlinkat, {.name = "/d", .a2 = flags});
  };
  CHECK(arg("flags", unlinkat(AT_REMOVEDIR)) == "AT_REMOVEDIR");
  CHECK(arg("flags", unlinkat(AT_REMOVEDIR | 0x4000)) == "AT_REMOVEDIR");  // unknown bits are not shown
  CHECK(arg("flags", unlinkat(0)) == "0");                                 // a table without a name for nothing
  CHECK(arg("prot", event_of<ev_memory>(world, EVT_mprotect, [](Builder<ev_memory>& b) {
              b->a2 = PROT_READ | PROT_EXEC;
            })) == "PROT_READ|PROT_EXEC");
  CHECK(arg("prot", event_of<ev_memory>(world, EVT_mprotect, [](Builder<ev_memory>&) {})) == "PROT_NONE");
  CHECK(arg("flags", path_event(world, EVT_umount2, {.name = "/d", .a1 = 2 | 8})) == "DETACH|NOFOLLOW");
  const auto domain = [&world](uint64_t family) {
    return event_of<ev_desc>(world, EVT_socket, [=](Builder<ev_desc>& b) {
      b->res = b->fd = -1;
      b->a0 = family;
    });
  };
  CHECK(arg("domain", domain(AF_INET)) == "AF_INET");
  CHECK(arg("domain", domain(AF_UNIX)) == "AF_LOCAL|AF_UNIX");
  CHECK(arg("domain", domain(99)) == "99");
  CHECK(arg("cmd", file_event(world, EVT_bpf, -1, "")) == "BPF_MAP_CREATE");
  CHECK(arg("request", event_of<ev_ptrace>(world, EVT_ptrace, [](Builder<ev_ptrace>& b) {
              b->request = PTRACE_ATTACH;
            })) == "PTRACE_ATTACH");
  const TestEvent chmod = path_event(world, EVT_chmod, {.name = "/x", .a1 = 04755});
  CHECK(arg("mode", chmod) == "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID");
  all_hold({"evt.arg.mode contains S_ISUID", "evt.rawarg.mode = 2541"}, chmod);
}

TEST_CASE("K17 evt.arg of texts, paths, bytes, addresses and times") {
  using namespace std::string_literals;
  World world;
  const TestEvent open = open_event(world, {.name = "../f"});
  CHECK(shown("%evt.arg.name %evt.rawarg.name", open) == "/root/f ../f");
  const TestEvent mkdir = path_event(world, EVT_mkdirat, {.name = "d/./e", .base = "/srv"});
  CHECK(shown("%evt.arg.path %evt.rawarg.path", mkdir) == "/srv/d/e d/./e");
  CHECK(arg("dev", mount_event(world, "/dev/sda1", "/mnt")) == "/dev/sda1");
  CHECK(arg("data", io(world, EVT_write, 7, "a\x01 b\xff\n~"s)) == "a. b..~");
  CHECK(arg("data", io(world, EVT_write, 4096, std::string(80, 'x'))) == std::string(80, 'x') + "...");
  CHECK(arg("tuple", sock_event(world)) == "10.0.0.1:40000->192.168.7.9:443");
  const TestEvent connect = event_of<ev_sock>(world, EVT_connect, [](Builder<ev_sock>& b) {
    b->family = b->afamily = AF_INET;
    b->aport = 443;
    b->aaddr[0] = 9, b->aaddr[3] = 1;
  });
  CHECK(arg("addr", connect) == "9.0.0.1:443");
  const TestEvent v6 = event_of<ev_sock>(world, EVT_connect, [](Builder<ev_sock>& b) {
    b->family = b->afamily = AF_INET6;
    b->aport = 443;
    b->aaddr[15] = 1;
  });
  CHECK(arg("addr", v6) == "::1:443");
  const TestEvent to_path = event_of<ev_sock>(world, EVT_connect, [](Builder<ev_sock>& b) {
    b->family = AF_UNIX;
    b.set_text(&ev_sock::path, "/run/x");
  });
  CHECK(arg("addr", to_path) == "/run/x");
  world.runs("ls", {"ls", "-l", "/"});
  CHECK(arg("args", exec_event(world)) == "-l./.");
  CHECK(arg("exe", exec_event(world)) == "ls");
  ::setenv("TZ", "UTC-2", 1), ::tzset();
  const std::string time =
      arg("exe_ino_ctime", event_of<ev_exec>(world, EVT_execve, [](Builder<ev_exec>& b) { b->exe_ino_ctime = kWall; }));
  ::unsetenv("TZ"), ::tzset();
  CHECK(time == "2025-07-31 20:27:01.000000007 +0200");
}

TEST_CASE("K17 evt.args: every parameter with its number, and what that means") {
  World world;
  CHECK(shown("%evt.args", path_event(world, EVT_unlinkat, {.name = "/tmp/d", .a2 = AT_REMOVEDIR})) ==
        "res=0 dirfd=-100(AT_FDCWD) name=/tmp/d flags=512(AT_REMOVEDIR)");
  CHECK(shown("%evt.args", path_event(world, EVT_chmod, {.name = "/x", .res = -2, .a1 = 0600})) ==
        "res=-2(ENOENT) filename=/x mode=0600(S_IWUSR|S_IRUSR)");
  CHECK(shown("%evt.info", setuid_event(world, 0)) == "res=0 uid=0(root)");
  CHECK(shown("%evt.args", file_event(world, EVT_close, 3, "/etc/passwd")) == "res=0 fd=3(<f>/etc/passwd)");
  CHECK(shown("%evt.args", path_event(world, EVT_unlink, {.name = "d/../f", .base = "/srv"})) ==
        "res=0 path=d/../f(/srv/f)");
}

TEST_CASE("K18 evt.dir, evt.type.is, evt.hostname, evt.source; no event here is asynchronous or of a plugin") {
  World world;
  const TestEvent open = open_event(world);
  all_hold({"evt.dir = <", "evt.type.is.openat = 1", "evt.type.is[openat] = 1", "evt.type.is.open = 0",
            "evt.type = openat", "syscall.type = openat", "evt.source = syscall", "evt.is_async = false"},
           open);
  for (const std::string field : {"evt.asynctype", "evt.pluginname", "evt.plugininfo"})
    CHECK_MESSAGE(is_missing(field, open), field);
  const TestEvent end = event_of<ev_exit>(world, EVT_procexit, [](Builder<ev_exit>&) {});
  all_hold({"evt.dir = >", "evt.type.is.procexit = 1", "not syscall.type exists"}, end);
  std::array<char, 256> name{};
  REQUIRE(::gethostname(name.data(), name.size() - 1) == 0);
  const char* given = std::getenv("FALCO_HOSTNAME");
  CHECK(shown("%evt.hostname", open) == (given ? given : name.data()));
}

TEST_CASE("K26 evt.buffer is what was kept of the data, its first 80 bytes; evt.buflen is all of it") {
  static_assert(TIERCEL_DATA_MAX == 80);
  World world;
  const std::string kept = "GET /secret" + std::string(TIERCEL_DATA_MAX - 11, 'x');
  for (uint16_t type : {EVT_read, EVT_write, EVT_pread, EVT_sendto, EVT_recvfrom}) {
    const TestEvent event = io(world, type, 4096, kept);
    all_hold({"evt.buflen = 4096", "evt.buffer contains /secret", "evt.buffer startswith GET", "evt.buffer endswith x"},
             event);
    CHECK(shown("%evt.buffer", event) == kept);
  }
  all_hold({"evt.buflen = 3", "evt.buffer = abc"}, io(world, EVT_write, 3, "abc"));
  CHECK(is_missing("evt.buffer", io(world, EVT_read, 0, "")));
  CHECK(is_missing("evt.buffer", open_event(world)));
  CHECK(is_missing("evt.buflen", open_event(world)));
}

TEST_CASE("K30 parameters that are empty are the text <NA> or NULL; those that an event does not have are missing") {
  World world;
  CHECK(arg("name", open_event(world, {.name = ""})) == "<NA>");
  CHECK(arg("dev", mount_event(world, "", "/mnt")) == "<NA>");
  CHECK(arg("data", io(world, EVT_read, 0, "")) == "NULL");
  CHECK(arg("tuple", event_of<ev_sock>(world, EVT_connect, [](Builder<ev_sock>& b) { b->res = -9; })) == "NULL");
  CHECK(arg("env", exec_event(world)) == "NULL");
  world.runs("ls", {"ls"});
  CHECK(arg("args", exec_event(world)) == "NULL");
  all_hold({"evt.arg.name = \"<NA>\"", "evt.arg.name exists"}, open_event(world, {.name = ""}));
  CHECK(has(shown("%evt.args", mount_event(world, "", "/mnt")), "dev=<NA> dir=/mnt"));
  for (const std::string field : {"evt.arg.uid", "evt.arg[99]", "evt.rawarg.uid"})
    CHECK_MESSAGE(is_missing(field, open_event(world)), field);
  CHECK(is_missing("evt.rawarg.name", open_event(world, {.name = ""})));
}
