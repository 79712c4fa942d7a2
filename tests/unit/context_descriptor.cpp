// Kinds and names of descriptors, from what the kernel says of them (falco-rules.md 4.3).
#include "agent/context/descriptor.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string>

using namespace tiercel::context;

namespace {

// include/uapi/linux/magic.h
constexpr uint32_t kAnonInode = 0x09041934, kPidfs = 0x50494446, kTmpfs = 0x01021994, kNsfs = 0x6e736673,
                   kHugetlbfs = 0x958458f6, kExt4 = 0xef53, kPipefs = 0x50495045, kSockfs = 0x534f434b;

}  // namespace

TEST_CASE("every kind has Falco's letter and name") {
  struct Want {
    FdKind kind;
    char type_char;
    const char* name;
  };
  const Want wants[] = {
      {FdKind::kNone, '\0', ""},
      {FdKind::kFile, 'f', "file"},
      {FdKind::kDirectory, 'd', "directory"},
      {FdKind::kIpv4, '4', "ipv4"},
      {FdKind::kIpv6, '6', "ipv6"},
      {FdKind::kUnix, 'u', "unix"},
      {FdKind::kPipe, 'p', "pipe"},
      {FdKind::kEvent, 'e', "event"},
      {FdKind::kSignal, 's', "signalfd"},
      {FdKind::kEventPoll, 'l', "eventpoll"},
      {FdKind::kInotify, 'i', "inotify"},
      {FdKind::kTimer, 't', "timerfd"},
      {FdKind::kNetlink, 'n', "netlink"},
      {FdKind::kBpf, 'b', "bpf"},
      {FdKind::kUserfault, 'u', "userfaultfd"},
      {FdKind::kIoUring, 'r', "io_uring"},
      {FdKind::kMemfd, 'm', "memfd"},
      {FdKind::kPidfd, 'P', "pidfd"},
      {FdKind::kUnknown, 'o', ""},
  };
  CHECK(std::size(wants) == static_cast<size_t>(FdKind::kUnknown) + 1);
  for (const Want& want : wants) {
    CAPTURE(want.name);
    CHECK(fd_type_char(want.kind) == want.type_char);
    CHECK(fd_type_name(want.kind) == want.name);
  }
}

TEST_CASE("what a file is, by its mode") {
  CHECK(fd_kind(S_IFREG | 0644, kExt4, "/etc/passwd") == FdKind::kFile);
  CHECK(fd_kind(S_IFCHR | 0666, kTmpfs, "/dev/null") == FdKind::kFile);
  CHECK(fd_kind(S_IFBLK | 0660, kTmpfs, "/dev/sda") == FdKind::kFile);
  CHECK(fd_kind(S_IFDIR | 0755, kExt4, "/etc") == FdKind::kDirectory);
  CHECK(fd_kind(S_IFIFO | 0600, kPipefs, "") == FdKind::kPipe);
  CHECK(fd_kind(S_IFIFO | 0600, kExt4, "/run/fifo") == FdKind::kPipe);
  CHECK(fd_kind(0, 0, "") == FdKind::kNone);
  // Of a socket the struct sock tells more; one without it is something, but nothing that has a name.
  CHECK(fd_kind(S_IFSOCK | 0777, kSockfs, "") == FdKind::kUnknown);
  CHECK(fd_kind(S_IFLNK | 0777, kExt4, "/link") == FdKind::kUnknown);  // O_PATH | O_NOFOLLOW
}

TEST_CASE("anonymous inodes, by the kernel's name for them") {
  struct Want {
    const char* name;
    FdKind kind;
  };
  const Want wants[] = {
      {"[eventfd]", FdKind::kEvent},
      {"[signalfd]", FdKind::kSignal},
      {"[eventpoll]", FdKind::kEventPoll},
      {"inotify", FdKind::kInotify},
      {"[timerfd]", FdKind::kTimer},
      {"bpf-map", FdKind::kBpf},
      {"bpf-prog", FdKind::kBpf},
      {"bpf_link", FdKind::kBpf},
      {"bpf_iter", FdKind::kBpf},
      {"btf", FdKind::kBpf},
      {"[io_uring]", FdKind::kIoUring},
      {"[userfaultfd]", FdKind::kUserfault},
      {"[pidfd]", FdKind::kPidfd},
      {"[perf_event]", FdKind::kUnknown},
      {"[fanotify]", FdKind::kUnknown},
      {"[fscontext]", FdKind::kUnknown},
      {"", FdKind::kUnknown},
  };
  for (const Want& want : wants) {
    CAPTURE(want.name);
    CHECK(fd_kind(0600, kAnonInode, want.name) == want.kind);
    // Linux 6.15 made them regular files by mode
    CHECK(fd_kind(S_IFREG | 0600, kAnonInode, want.name) == want.kind);
    // the same name in a folder is a file
    CHECK(fd_kind(S_IFREG | 0600, kExt4, std::string("/tmp/") + want.name) == FdKind::kFile);
  }
  CHECK(fd_kind(0600, kPidfs, "") == FdKind::kPidfd);
  CHECK(fd_kind(S_IFREG | 0700, kPidfs, "[pidfd]") == FdKind::kPidfd);
}

TEST_CASE("memory files and their names") {
  CHECK(fd_kind(S_IFREG | 0777, kTmpfs, "memfd:stage2") == FdKind::kMemfd);
  CHECK(fd_kind(S_IFREG | 0777, kHugetlbfs, "memfd:big") == FdKind::kMemfd);
  CHECK(fd_name_of(FdKind::kMemfd, 7, kTmpfs, "memfd:stage2") == "stage2");
  CHECK(fd_name_of(FdKind::kMemfd, 7, kTmpfs, "memfd:") == "");
  CHECK(fd_name_of(FdKind::kMemfd, 7, kTmpfs, "memfd:a b/c") == "a b/c");
  CHECK(fd_kind(S_IFREG | 0644, kTmpfs, "/dev/shm/memfd:x") == FdKind::kFile);
  CHECK(fd_kind(S_IFREG | 0644, kExt4, "memfd:x") == FdKind::kFile);
}

TEST_CASE("names of files, folders and namespaces; none for what is nowhere") {
  CHECK(fd_name_of(FdKind::kFile, 1, kExt4, "/etc/passwd") == "/etc/passwd");
  CHECK(fd_name_of(FdKind::kDirectory, 1, kExt4, "/") == "/");
  CHECK(fd_name_of(FdKind::kPipe, 1, kExt4, "/run/fifo") == "/run/fifo");
  CHECK(fd_name_of(FdKind::kPipe, 1, kPipefs, "") == "");
  CHECK(fd_name_of(FdKind::kPipe, 1, kPipefs, "pipe:[1]") == "");
  CHECK(fd_name_of(FdKind::kFile, 4026531841, kNsfs, "mnt") == "mnt:[4026531841]");
  CHECK(fd_name_of(fd_kind(S_IFREG | 0444, kNsfs, "net"), 4026531840, kNsfs, "net") == "net:[4026531840]");
  CHECK(fd_name_of(FdKind::kUnknown, 1, kSockfs, "/") == "");
  struct Nowhere {
    FdKind kind;
    const char* name;
  };
  const Nowhere nowhere[] = {
      {FdKind::kEvent, "[eventfd]"},         {FdKind::kSignal, "[signalfd]"},  {FdKind::kEventPoll, "[eventpoll]"},
      {FdKind::kInotify, "inotify"},         {FdKind::kTimer, "[timerfd]"},    {FdKind::kBpf, "bpf-map"},
      {FdKind::kUserfault, "[userfaultfd]"}, {FdKind::kIoUring, "[io_uring]"}, {FdKind::kPidfd, "[pidfd]"},
      {FdKind::kUnknown, "[perf_event]"},
  };
  for (const Nowhere& what : nowhere) {
    CAPTURE(what.name);
    CHECK(fd_name_of(what.kind, 1, kAnonInode, what.name) == "");
  }
  CHECK(fd_name_of(FdKind::kNone, 0, 0, "") == "");
}

TEST_CASE("sockets by family; an IPv4 address in IPv6 clothes makes an IPv4 socket") {
  CHECK(socket_kind(1, false) == FdKind::kUnix);
  CHECK(socket_kind(2, false) == FdKind::kIpv4);
  CHECK(socket_kind(10, false) == FdKind::kIpv6);
  CHECK(socket_kind(10, true) == FdKind::kIpv4);
  CHECK(socket_kind(16, false) == FdKind::kNetlink);
  CHECK(socket_kind(17, false) == FdKind::kUnknown);  // AF_PACKET
  CHECK(socket_kind(0, false) == FdKind::kUnknown);
  std::array<__u8, 16> address{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
  CHECK(is_mapped(address.data()));
  for (size_t n = 0; n < 12; ++n) {
    auto other = address;
    other[n] ^= 1;
    CAPTURE(n);
    CHECK_FALSE(is_mapped(other.data()));
  }
  std::fill(address.begin(), address.end(), __u8{0});
  CHECK_FALSE(is_mapped(address.data()));  // ::
}
