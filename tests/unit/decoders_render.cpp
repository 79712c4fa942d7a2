// Parameters of the records that many calls share, as text (falco-rules.md 5.2).
#include "decoders/render.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <string>

#include "decoders/encode.h"

using namespace tiercel::decoders;

namespace {

struct TestNames final : Names {
  std::string user(uint32_t uid) const override { return uid == 0 ? "root" : ""; }
  std::string group(uint32_t gid) const override { return gid == 0 ? "wheel" : ""; }
  std::string comm(int64_t pid) const override { return pid == 12 ? "bash" : ""; }
  std::string absolute(std::string_view raw, std::string_view base) const override {
    return raw.starts_with('/') ? std::string(raw) : std::string(base) + "/" + std::string(raw);
  }
  std::string descriptor(int64_t fd) const override { return fd == 5 ? "<4t>10.0.0.1:1->10.0.0.2:2" : ""; }
  std::string tuple() const override { return {}; }
};

template <class T>
std::string args(RecordBuilder<T>& built) {
  auto record = Record::parse(built.bytes());
  REQUIRE(record);
  return params_text(*record, record->info(), TestNames());
}
template <class T>
std::string arg(RecordBuilder<T>& built, std::string_view name) {
  auto record = Record::parse(built.bytes());
  REQUIRE(record);
  return param_text(*record, record->info(), name, TestNames()).value_or("no such parameter");
}
template <class T>
int64_t raw(RecordBuilder<T>& built, std::string_view name) {
  auto record = Record::parse(built.bytes());
  REQUIRE(record);
  const auto value = raw_param(*record, record->info(), name);
  REQUIRE(value);
  REQUIRE(value->is_number);
  return value->number;
}

RecordBuilder<ev_path> a_path(uint16_t type, std::string_view name, std::string_view base = "/srv") {
  RecordBuilder<ev_path> b(type);
  b->dirfd = AT_FDCWD;
  b.set_text(&ev_path::name, name).set_text(&ev_path::base, base);
  return b;
}
RecordBuilder<ev_paths> two_paths(uint16_t type) {
  RecordBuilder<ev_paths> b(type);
  b->dirfd = b->dirfd2 = AT_FDCWD;
  b.set_text(&ev_paths::first, "a").set_text(&ev_paths::base, "/one");
  b.set_text(&ev_paths::second, "b").set_text(&ev_paths::base2, "/two");
  return b;
}

}  // namespace

TEST_CASE("a register's number as its kind has it") {
  // 32 bits with a sign
  for (Kind kind : {Kind::kFD, Kind::kPID, Kind::kINT32, Kind::kSIGTYPE}) {
    CHECK(narrowed(kind, 0xffffff9c) == -100);
    CHECK(narrowed(kind, static_cast<int64_t>(0xdeadbeef00000007)) == 7);
    CHECK(narrowed(kind, -1) == -1);
  }
  // 32 bits without one
  for (Kind kind : {Kind::kUINT32, Kind::kHEX32, Kind::kUID, Kind::kGID, Kind::kPROT_FLAGS, Kind::kCHMOD_MODE,
                    Kind::kMKNOD_MODE, Kind::kSOCK_FAMILY, Kind::kBPF_COMMANDS, Kind::kFCNTL_COMMANDS,
                    Kind::kSHUTDOWN_HOW, Kind::kIO_URING_REGISTER, Kind::kSIGSET}) {
    CHECK(narrowed(kind, -1) == 0xffffffff);
    CHECK(narrowed(kind, static_cast<int64_t>(0xdeadbeef80000007)) == 0x80000007);
  }
  CHECK(narrowed(Kind::kUINT16, 0x12345678) == 0x5678);
  CHECK(narrowed(Kind::kUINT8, 0x12345678) == 0x78);
  // whole registers
  for (Kind kind : {Kind::kUINT64, Kind::kHEX64, Kind::kINT64, Kind::kERRNO, Kind::kHEXERRNO, Kind::kCAPS, Kind::kDYN,
                    Kind::kABSTIME}) {
    CHECK(narrowed(kind, 0x7fff12345678) == 0x7fff12345678);
    CHECK(narrowed(kind, INT64_MIN) == INT64_MIN);
  }
  // the bits that a kind takes out of a number that holds others
  CHECK(narrowed(Kind::kCREAT_FLAGS, FDF_UPPER_LAYER | FDF_DELETED | FDF_FILE) == FDF_UPPER_LAYER);
  CHECK(narrowed(Kind::kCREAT_FLAGS, FDF_LOWER_LAYER | FDF_NAMELESS) == FDF_LOWER_LAYER);
  CHECK(narrowed(Kind::kSOCK_TYPE_FLAGS, 1 | O_CLOEXEC) == O_CLOEXEC);
  CHECK(narrowed(Kind::kSOCK_TYPE_FLAGS, 2) == 0);
}

TEST_CASE("one path") {
  auto mkdir = a_path(EVT_mkdir, "new");
  mkdir->a1 = 0755;
  CHECK(args(mkdir) == "res=0 path=new(/srv/new) mode=1ED");
  auto unlinkat = a_path(EVT_unlinkat, "old", "/data");
  unlinkat->res = -39;
  unlinkat->dirfd = 4;
  unlinkat->i_mode = S_IFDIR | 0755;
  unlinkat->a2 = AT_REMOVEDIR;
  CHECK(args(unlinkat) == "res=-39(ENOTEMPTY) dirfd=4(<d>/data) name=old(/data/old) flags=512(AT_REMOVEDIR)");
  CHECK(arg(unlinkat, "dirfd") == "<d>/data");
  CHECK(arg(unlinkat, "res") == "ENOTEMPTY");
  CHECK(arg(unlinkat, "flags") == "AT_REMOVEDIR");
  unlinkat->i_mode = S_IFREG | 0644;
  CHECK(arg(unlinkat, "dirfd") == "<f>/data");
  unlinkat->i_mode = 0;  // not open
  unlinkat->dirfd = 99;
  CHECK(arg(unlinkat, "dirfd") == "99");
  unlinkat->a2 = 0;
  CHECK(arg(unlinkat, "flags") == "0");
  auto here = a_path(EVT_unlinkat, "/abs");
  CHECK(args(here) == "res=0 dirfd=-100(AT_FDCWD) name=/abs flags=0");
}

TEST_CASE("modes and owners of a path") {
  auto chmod = a_path(EVT_chmod, "/usr/local/bin/x");
  chmod->a1 = 04755;
  CHECK(args(chmod) ==
        "res=0 filename=/usr/local/bin/x mode=04755(S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID)");
  CHECK(arg(chmod, "mode").ends_with("|S_ISUID"));
  CHECK(raw(chmod, "mode") == 04755);
  chmod->a1 = 0;
  CHECK(arg(chmod, "mode") == "0");
  auto mknod = a_path(EVT_mknodat, "disk", "/dev");
  mknod->a2 = S_IFBLK | 0600;
  mknod->a3 = 0x801;
  CHECK(args(mknod) == "res=0 dirfd=-100(AT_FDCWD) path=disk(/dev/disk) mode=060600(S_IWUSR|S_IRUSR|S_IFBLK) dev=2049");
  auto chown = a_path(EVT_fchownat, "f");
  chown->a2 = 0;
  chown->a3 = static_cast<__u64>(-1);  // leave the group
  chown->a4 = AT_SYMLINK_NOFOLLOW;
  CHECK(args(chown) ==
        "res=0 dirfd=-100(AT_FDCWD) pathname=f(/srv/f) uid=0 gid=4294967295 flags=256(AT_SYMLINK_NOFOLLOW)");
}

TEST_CASE("calls that Falco knows by number only") {
  auto truncate = a_path(EVT_truncate, "log", "/var");
  truncate->nr = 76;
  truncate->a1 = 1ull << 40;
  CHECK(args(truncate) == "ID=76(truncate) nativeID=76 res=0 path=log(/var/log) length=1099511627776");
  CHECK(arg(truncate, "ID") == "truncate");
  auto setxattr = a_path(EVT_setxattr, "f");
  setxattr->nr = 188;
  setxattr.set_text(&ev_path::text, "security.capability");
  CHECK(args(setxattr) == "ID=188(setxattr) nativeID=188 res=0 path=f(/srv/f) name=security.capability");
  auto empty = a_path(EVT_rmdir, "");
  CHECK(args(empty) == "res=0 path=<NA>");
}

TEST_CASE("two paths, each against its own folder") {
  auto rename = two_paths(EVT_rename);
  CHECK(args(rename) == "res=0 oldpath=a(/one/a) newpath=b(/two/b)");
  auto renameat = two_paths(EVT_renameat2);
  renameat->dirfd = 3;
  renameat->dirfd2 = 4;
  renameat->base_mode = S_IFDIR | 0755;
  renameat->i_mode = S_IFDIR | 0700;
  renameat->a4 = 1;
  CHECK(args(renameat) ==
        "res=0 olddirfd=3(<d>/one) oldpath=a(/one/a) newdirfd=4(<d>/two) newpath=b(/two/b) flags=1(RENAME_NOREPLACE)");
  renameat->base_mode = 0;
  renameat->dirfd = AT_FDCWD;
  CHECK(arg(renameat, "olddirfd") == "AT_FDCWD");
  CHECK(arg(renameat, "newdirfd") == "<d>/two");
  auto linkat = two_paths(EVT_linkat);
  linkat->a4 = AT_SYMLINK_FOLLOW | AT_EMPTY_PATH;
  CHECK(arg(linkat, "flags") == "AT_SYMLINK_FOLLOW|AT_EMPTY_PATH");
  // what a symbolic link says is no path of this process
  auto symlink = two_paths(EVT_symlink);
  CHECK(args(symlink) == "res=0 target=a linkpath=b(/two/b)");
  auto symlinkat = two_paths(EVT_symlinkat);
  CHECK(args(symlinkat) == "res=0 target=a linkdirfd=-100(AT_FDCWD) linkpath=b(/two/b)");
}

TEST_CASE("calls on a descriptor, and calls that make one") {
  RecordBuilder<ev_desc> socket(EVT_socket);
  socket->res = 5;
  socket->a0 = 2;
  socket->a1 = 1 | O_CLOEXEC;
  socket->a2 = 6;
  CHECK(args(socket) ==
        "fd=5(<4t>10.0.0.1:1->10.0.0.2:2) domain=2(AF_INET) type=524289 proto=6 flags=524288(O_CLOEXEC)");
  CHECK(arg(socket, "fd") == "<4t>10.0.0.1:1->10.0.0.2:2");
  socket->res = -13;
  CHECK(arg(socket, "fd") == "EACCES");
  socket->a0 = 1;
  socket->a1 = 1;
  CHECK(arg(socket, "domain") == "AF_LOCAL|AF_UNIX");
  CHECK(arg(socket, "flags") == "O_NONE");
  RecordBuilder<ev_desc> fcntl(EVT_fcntl);
  fcntl->res = 0;
  fcntl->a0 = 7;
  fcntl->a1 = 1033;
  fcntl->a2 = 0xff;
  CHECK(args(fcntl) == "res=0 fd=7 cmd=1033(UNKNOWN) arg=FF");
  fcntl->a1 = F_DUPFD_CLOEXEC;
  CHECK(arg(fcntl, "cmd") == "F_DUPFD_CLOEXEC");
  RecordBuilder<ev_desc> dup(EVT_dup2);
  dup->res = 0;
  dup->a0 = 5;
  CHECK(args(dup) == "res=0 oldfd=5(<4t>10.0.0.1:1->10.0.0.2:2) newfd=0");
  dup->a0 = 0xffffffff;  // dup2(-1, 0)
  dup->res = -9;
  CHECK(args(dup) == "res=-9(EBADF) oldfd=-1(EPERM) newfd=0");
  RecordBuilder<ev_desc> memfd(EVT_memfd_create);
  memfd->res = 8;
  memfd->a1 = 3;
  memfd.set_text(&ev_desc::text, "stage2");
  CHECK(args(memfd) == "fd=8 name=stage2 flags=3(MFD_CLOEXEC|MFD_ALLOW_SEALING)");
}

TEST_CASE("calls with numbers") {
  RecordBuilder<ev_call> kill(EVT_kill);
  kill->a0 = 12;
  kill->a1 = 9;
  CHECK(args(kill) == "res=0 pid=12(bash) sig=9(SIGKILL)");
  CHECK(arg(kill, "pid") == "bash");
  CHECK(arg(kill, "sig") == "SIGKILL");
  kill->a0 = 0xffffffff;  // everybody
  kill->a1 = 0;
  CHECK(args(kill) == "res=0 pid=-1 sig=0");
  RecordBuilder<ev_call> unshare(EVT_unshare);
  unshare->res = -1;
  unshare->a0 = 0x10020000;
  CHECK(args(unshare) == "res=-1(EPERM) flags=268566528(CLONE_NEWNS|CLONE_NEWUSER)");
  RecordBuilder<ev_call> setfsuid(EVT_setfsuid);
  setfsuid->nr = 122;
  CHECK(args(setfsuid) == "ID=122(setfsuid) nativeID=122 res=0 uid=0(root)");
  setfsuid->a0 = 7;
  CHECK(arg(setfsuid, "uid") == "<NA>");
  setfsuid->a0 = static_cast<__u64>(-1);
  CHECK(arg(setfsuid, "uid") == "<NONE>");
  RecordBuilder<ev_call> setfsgid(EVT_setfsgid);
  CHECK(arg(setfsgid, "gid") == "wheel");
  RecordBuilder<ev_call> delete_module(EVT_delete_module);
  delete_module->a1 = 04000;
  delete_module.set_text(&ev_call::text, "rootkit");
  CHECK(args(delete_module) == "res=0 name=rootkit flags=2048(O_NONBLOCK)");
  RecordBuilder<ev_call> capset(EVT_capset);
  capset->head.cap_permitted = 0x1ffffffffff;
  CHECK(args(capset) == "res=0 cap_inheritable=0 cap_permitted=1FFFFFFFFFF cap_effective=0");
  RecordBuilder<ev_call> prctl(EVT_prctl);
  prctl->a0 = 15;
  prctl.set_text(&ev_call::text, "kworker/0:1");
  CHECK(args(prctl) == "res=0 option=15(PR_SET_NAME) arg2_str=kworker/0:1 arg2_int=0");
  CHECK(arg(prctl, "option") == "PR_SET_NAME");
}

TEST_CASE("bytes among the arguments: printable, and a cut is said") {
  RecordBuilder<ev_call> module(EVT_init_module);
  module->a1 = 4096;
  module->length = 4096;
  module
      .set_text(&ev_call::data, std::string_view("\x7f"
                                                 "ELF\x02\x01\0\xff",
                                                 8))
      .set_text(&ev_call::text, "");
  CHECK(args(module) == "res=0 img=.ELF....... length=4096 uargs=<NA>");
  module->length = 8;
  CHECK(arg(module, "img") == ".ELF....");
  RecordBuilder<ev_call> none(EVT_init_module);
  CHECK(arg(none, "img") == "NULL");
}

TEST_CASE("memory: addresses as results, protection of nothing") {
  RecordBuilder<ev_memory> mprotect(EVT_mprotect);
  mprotect->a0 = 0x7f0000001000;
  mprotect->a1 = 4096;
  CHECK(args(mprotect) == "res=0 addr=7F0000001000 length=4096 prot=0(PROT_NONE)");
  mprotect->a2 = 7;
  CHECK(arg(mprotect, "prot") == "PROT_READ|PROT_WRITE|PROT_EXEC");
  RecordBuilder<ev_memory> mmap(EVT_mmap);
  mmap->res = 0x7f0000002000;
  mmap->fd = -1;
  CHECK(arg(mmap, "res") == "7F0000002000");
  mmap->res = -12;
  CHECK(arg(mmap, "res") == "ENOMEM");
}

TEST_CASE("the layer of a created file, out of the file's own flags") {
  RecordBuilder<ev_open> creat(EVT_creat);
  creat->fd = 3;
  creat->fd_flags = FDF_UPPER_LAYER | FDF_FILE;
  CHECK(arg(creat, "creat_flags") == "FD_UPPER_LAYER_CREAT");
  CHECK(raw(creat, "creat_flags") == FDF_UPPER_LAYER);
  creat->fd_flags = FDF_FILE;
  CHECK(arg(creat, "creat_flags") == "0");
  RecordBuilder<ev_open> open(EVT_openat);
  open->fd = 3;
  open->fd_flags = FDF_LOWER_LAYER | FDF_FILE;
  CHECK(arg(open, "flags") == "O_RDONLY|FD_LOWER_LAYER");
}
