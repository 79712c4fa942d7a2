// Check-list, group K: paths, from what the program wrote to what it meant.
#include <doctest/doctest.h>

#include "check_events_support.h"

using namespace tiercel;
using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

struct OpenAt {
  uint16_t type = EVT_openat;
  int64_t dirfd = -100, fd = 3;
  std::string name = {}, base = {};
};
TestEvent openat(World& world, const OpenAt& args) {
  return event_of<ev_open>(world, args.type, [&](Builder<ev_open>& b) {
    b->fd = args.fd;
    b->dirfd = args.dirfd;
    if (args.fd >= 0) set_file(b, "");
    b.set_text(&ev_open::name, args.name).set_text(&ev_open::base, args.base);
  });
}

constexpr const char* kFsPaths[] = {"fs.path.name",      "fs.path.nameraw", "fs.path.source",
                                    "fs.path.sourceraw", "fs.path.target",  "fs.path.targetraw"};
constexpr std::string_view kNames = "%fs.path.name|%fs.path.nameraw";
constexpr std::string_view kPairs = "%fs.path.source|%fs.path.sourceraw|%fs.path.target|%fs.path.targetraw";

void only_name(const TestEvent& event) {
  for (const std::string field : {"fs.path.source", "fs.path.sourceraw", "fs.path.target", "fs.path.targetraw"})
    CHECK_MESSAGE(is_missing(field, event), (*event).type() << ": " << field);
}
void only_pair(const TestEvent& event) {
  for (const std::string field : {"fs.path.name", "fs.path.nameraw"})
    CHECK_MESSAGE(is_missing(field, event), (*event).type() << ": " << field);
}
void no_paths(const TestEvent& event) {
  for (const std::string field : kFsPaths) CHECK_MESSAGE(is_missing(field, event), (*event).type() << ": " << field);
}

}  // namespace

TEST_CASE("K11 openat: AT_FDCWD, a directory's descriptor, absolute and relative paths, an unknown directory") {
  World world;
  for (uint16_t type : {EVT_openat, EVT_openat2}) {
    CHECK(holds("fd.name = /desk/dir/f and evt.arg.name = /desk/dir/f and evt.arg.dirfd = AT_FDCWD",
                *openat(world, {.type = type, .name = "dir/f", .base = "/desk"})));
    CHECK(holds("fd.name = /srv/f and fd.nameraw = ../f and evt.arg.name = /srv/f",
                *openat(world, {.type = type, .dirfd = 7, .name = "../f", .base = "/srv/www"})));
    CHECK(holds("fd.name = /etc/passwd and evt.arg.name = /etc/passwd",
                *openat(world, {.type = type, .dirfd = 7, .name = "/etc/passwd", .base = "/srv"})));
    CHECK(holds("fd.name = /etc/passwd", *openat(world, {.type = type, .dirfd = 99, .name = "/etc//x/../passwd"})));
    CHECK(holds("fd.name = <UNKNOWN>dir/f and evt.arg.name = <UNKNOWN>dir/f",
                *openat(world, {.type = type, .dirfd = 99, .name = "dir/f"})));
  }
  CHECK(holds("fd.name = /desk/f", *openat(world, {.type = EVT_open, .name = "./f", .base = "/desk"})));
  // One that failed has no descriptor: its name is the event's path, its kind a guess by the event.
  for (uint16_t type : {EVT_openat, EVT_openat2, EVT_creat, EVT_open}) {
    const TestEvent failed = openat(world, {.type = type, .fd = -2, .name = "no/such", .base = "/desk"});
    CHECK(shown("%fd.name %evt.res", failed) == "/desk/no/such ENOENT");
    CHECK(holds(type == EVT_open ? "fd.typechar = o" : "fd.typechar = f", *failed));
    for (const std::string field : {"fd.num", "fd.type", "fd.ino"}) CHECK_MESSAGE(is_missing(field, failed), field);
  }
}

TEST_CASE("K13 fs.path.name: the calls with one path, cleaned and raw (quotactl and umount are not events yet)") {
  World world;
  for (uint16_t type : {EVT_open, EVT_openat, EVT_openat2, EVT_creat}) {
    const TestEvent event = openat(world, {.type = type, .name = "../a//b", .base = "/desk/x"});
    CHECK(shown(kNames, event) == "/desk/a/b|../a//b");
    only_name(event);
    no_paths(openat(world, {.type = type, .fd = -13, .name = "a", .base = "/desk"}));
  }
  for (uint16_t type : {EVT_mkdir, EVT_mkdirat, EVT_rmdir, EVT_unlink, EVT_unlinkat, EVT_chmod, EVT_fchmodat, EVT_chown,
                        EVT_lchown, EVT_fchownat, EVT_umount2}) {
    const TestEvent event = path_event(world, type, {.name = "./a/../b", .base = "/desk"});
    CHECK_MESSAGE(shown(kNames, event) == "/desk/b|./a/../b", (*event).type());
    only_name(event);
    CHECK(shown(kNames, path_event(world, type, {.name = "/x/y"})) == "/x/y|/x/y");
    no_paths(path_event(world, type, {.name = "b", .res = -1}));
  }
  for (uint16_t type : {EVT_fchmod, EVT_fchown}) {  // by descriptor
    const TestEvent event = file_event(world, type, 4, "/etc/passwd");
    CHECK(shown(kNames, event) == "/etc/passwd|/etc/passwd");
    only_name(event);
    no_paths(file_event(world, type, 4, "/etc/passwd", S_IFREG | 0644, 0xef53, -1));
  }
  no_paths(exec_event(world));
  for (const std::string type : {"quotactl", "umount"})
    CHECK_MESSAGE(condition_errors("evt.type = " + type).empty(), type);
}

TEST_CASE("K13 fs.path.source and target: renames, links the other way round, mount") {
  World world;
  for (uint16_t type : {EVT_rename, EVT_renameat, EVT_renameat2}) {
    const TestEvent event = two_path_event(world, type, {.first = "a", .second = "../b"});
    CHECK_MESSAGE(shown(kPairs, event) == "/one/a|a|/b|../b", (*event).type());
    only_pair(event);
    no_paths(two_path_event(world, type, {.first = "a", .second = "b", .res = -18}));
  }
  for (uint16_t type : {EVT_link, EVT_linkat}) {
    const TestEvent event = two_path_event(world, type, {.first = "old", .second = "./new"});
    CHECK_MESSAGE(shown(kPairs, event) == "/two/new|./new|/one/old|old", (*event).type());
    only_pair(event);
    no_paths(two_path_event(world, type, {.first = "a", .second = "b", .res = -17}));
  }
  for (uint16_t type : {EVT_symlink, EVT_symlinkat}) {
    const TestEvent event = two_path_event(world, type, {.first = "/etc/shadow", .second = "link"});
    CHECK_MESSAGE(shown(kPairs, event) == "/two/link|link|/etc/shadow|/etc/shadow", (*event).type());
    only_pair(event);
    no_paths(two_path_event(world, type, {.first = "a", .second = "b", .res = -17}));
  }
  const TestEvent mount = mount_event(world, "/dev/sda1", "/mnt");
  CHECK(shown(kPairs, mount) == "/dev/sda1|/dev/sda1|/mnt|/mnt");
  only_pair(mount);
  no_paths(mount_event(world, "/dev/sda1", "/mnt", -1));
}

TEST_CASE("K27 evt.abspath of the calls with a directory's descriptor; .src and .dst of those with two paths") {
  World world;
  const auto absolute = [](const TestEvent& event) { return shown("%evt.abspath", event); };
  for (uint16_t type : {EVT_openat, EVT_openat2}) {
    CHECK(absolute(openat(world, {.type = type, .name = "f", .base = "/desk"})) == "/desk/f");
    CHECK(absolute(openat(world, {.type = type, .dirfd = 7, .name = "../f", .base = "/srv/www"})) == "/srv/f");
    CHECK(absolute(openat(world, {.type = type, .dirfd = 7, .name = "/etc/f", .base = "/srv"})) == "/etc/f");
    CHECK(absolute(openat(world, {.type = type, .dirfd = 99, .name = "f"})) == "<UNKNOWN>f");
  }
  for (uint16_t type : {EVT_unlinkat, EVT_mkdirat, EVT_fchmodat, EVT_fchownat})
    CHECK(absolute(path_event(world, type, {.name = "a/../b", .base = "/desk"})) == "/desk/b");
  for (uint16_t type : {EVT_rename, EVT_renameat, EVT_renameat2, EVT_linkat}) {
    const TestEvent event = two_path_event(world, type, {.first = "a", .second = "b"});
    CHECK(shown("%evt.abspath.src %evt.abspath[dst]", event) == "/one/a /two/b");
    CHECK(absolute(event) == "/one/a");
  }
  CHECK(shown("%evt.abspath.dst", two_path_event(world, EVT_symlinkat, {.first = "/t", .second = "l"})) == "/two/l");
  for (uint16_t type : {EVT_open, EVT_creat})
    CHECK(is_missing("evt.abspath", openat(world, {.type = type, .name = "f", .base = "/desk"})));
  CHECK(is_missing("evt.abspath", path_event(world, EVT_unlink, {.name = "f"})));
  CHECK(is_missing("evt.abspath", exec_event(world)));
}

TEST_CASE("K28 fd.dev, its two halves, fd.ino, and fd.nameraw with its ../") {
  World world;
  const TestEvent event = openat(world, {.name = "../../etc/passwd", .base = "/srv/www"});
  all_hold({"fd.dev = 2049", "fd.dev.major = 8", "fd.dev.minor = 1", "fd.ino = 4711", "fd.nameraw = ../../etc/passwd",
            "fd.nameraw contains ../", "fd.name = /etc/passwd"},
           event);
  CHECK(shown("%fd.dev %fd.dev.major %fd.dev.minor %fd.ino", event) == "801 8 1 4711");
  const TestEvent large = event_of<ev_desc>(world, EVT_fchmod, [](Builder<ev_desc>& b) {
    b->fd = 4;
    set_file(b, "/x");
    b->dev = 0x12u | 259u << 8 | 0x345u << 20;  // stat's encoding: 12 bits of minor lie above the major
  });
  CHECK(shown("%fd.dev.major %fd.dev.minor", large) == std::to_string(259) + " " + std::to_string(0x34512));
  for (const std::string field : {"fd.dev", "fd.dev.major", "fd.dev.minor", "fd.ino", "fd.nameraw"})
    CHECK_MESSAGE(is_missing(field, exec_event(world)), field);
}

TEST_CASE("K29 chdir and fchdir change proc.cwd, which ends with a slash; getcwd is no event yet") {
  Host host;
  host.exec({}, {.cwd = "/root"}, "x");
  const auto change = [&host](uint16_t type, std::string_view path, std::string_view cwd, int64_t res) {
    Builder<ev_chdir> b(type);
    b->res = res;
    b->fd = -1;
    if (type == EVT_fchdir && res == 0) {
      b->fd = 4;
      set_file(b, cwd, S_IFDIR | 0755);
    }
    b.set_text(&ev_chdir::path, path).set_text(&ev_chdir::cwd, cwd);
    return host.feed(b, {}, "%evt.type %evt.res %proc.cwd");
  };
  CHECK(host.call({}, EVT_kill, 1, 9, 0, "%proc.cwd") == Texts{"/root/"});
  CHECK(change(EVT_chdir, "desk", "/root/desk", 0) == Texts{"chdir SUCCESS /root/desk/"});
  CHECK(change(EVT_chdir, "/nosuch", "/root/desk", -2) == Texts{"chdir ENOENT /root/desk/"});
  CHECK(host.fork({}, {}, "%proc.cwd") == Texts{"/root/desk/", "/root/desk/"});
  CHECK(change(EVT_fchdir, "", "/srv", 0) == Texts{"fchdir SUCCESS /srv/"});
  CHECK(change(EVT_fchdir, "", "", -9) == Texts{"fchdir EBADF /srv/"});
  CHECK(change(EVT_chdir, "/", "/", 0) == Texts{"chdir SUCCESS /"});
  CHECK(host.call({}, EVT_kill, 1, 9, 0, "%proc.cwd") == Texts{"/"});
  CHECK(condition_errors("evt.type = getcwd").empty());
}
