#include "agent/context/descriptor.h"

#include <sys/stat.h>

#include <array>
#include <cstring>

#include "decoders/address.h"

namespace tiercel::context {
namespace {

// include/uapi/linux/magic.h
constexpr uint32_t kAnonInodeMagic = 0x09041934, kPidfsMagic = 0x50494446, kTmpfsMagic = 0x01021994,
                   kNsfsMagic = 0x6e736673, kHugetlbfsMagic = 0x958458f6;
constexpr uint16_t kAfNetlink = 16;
constexpr std::string_view kMemfd = "memfd:";

struct KindName {
  char type_char;
  std::string_view name;
};
// In the order of FdKind.
constexpr KindName kNames[] = {
    {'\0', ""},        {'f', "file"},    {'d', "directory"}, {'4', "ipv4"},     {'6', "ipv6"},
    {'u', "unix"},     {'p', "pipe"},    {'e', "event"},     {'s', "signalfd"}, {'l', "eventpoll"},
    {'i', "inotify"},  {'t', "timerfd"}, {'n', "netlink"},   {'b', "bpf"},      {'u', "userfaultfd"},
    {'r', "io_uring"}, {'m', "memfd"},   {'P', "pidfd"},     {'o', ""},
};

// Names that the kernel gives to anonymous inodes (anon_inode_getfd() and its relatives).
FdKind anonymous_kind(std::string_view name) {
  struct Known {
    std::string_view prefix;
    FdKind kind;
  };
  static constexpr Known kKnown[] = {
      {"[eventfd]", FdKind::kEvent}, {"[signalfd]", FdKind::kSignal},       {"[eventpoll]", FdKind::kEventPoll},
      {"inotify", FdKind::kInotify}, {"[timerfd]", FdKind::kTimer},         {"bpf", FdKind::kBpf},
      {"btf", FdKind::kBpf},         {"[userfaultfd]", FdKind::kUserfault}, {"[io_uring]", FdKind::kIoUring},
      {"[pidfd]", FdKind::kPidfd},
  };
  for (const Known& known : kKnown)
    if (name.starts_with(known.prefix)) return known.kind;
  return FdKind::kUnknown;
}

}  // namespace

char fd_type_char(FdKind kind) {
  return kNames[static_cast<size_t>(kind)].type_char;
}
std::string_view fd_type_name(FdKind kind) {
  return kNames[static_cast<size_t>(kind)].name;
}

FdKind fd_kind(uint32_t i_mode, uint32_t magic, std::string_view name) {
  if (magic == kAnonInodeMagic) return anonymous_kind(name);
  if (magic == kPidfsMagic) return FdKind::kPidfd;
  switch (i_mode & S_IFMT) {
    case S_IFDIR:
      return FdKind::kDirectory;
    case S_IFIFO:
      return FdKind::kPipe;
    case S_IFSOCK:
      return FdKind::kUnknown;
    case S_IFREG:
      return name.starts_with(kMemfd) && (magic == kTmpfsMagic || magic == kHugetlbfsMagic) ? FdKind::kMemfd
                                                                                            : FdKind::kFile;
    case S_IFCHR:
    case S_IFBLK:
      return FdKind::kFile;
    default:
      return magic == 0 ? FdKind::kNone : FdKind::kUnknown;
  }
}

FdKind socket_kind(uint16_t family, bool mapped) {
  switch (family) {
    case decoders::kAfUnix:
      return FdKind::kUnix;
    case decoders::kAfInet:
      return FdKind::kIpv4;
    case decoders::kAfInet6:
      return mapped ? FdKind::kIpv4 : FdKind::kIpv6;
    case kAfNetlink:
      return FdKind::kNetlink;
    default:
      return FdKind::kUnknown;
  }
}

bool is_mapped(const __u8* address) {
  static constexpr std::array<__u8, 12> kPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(address, kPrefix.data(), kPrefix.size()) == 0;
}

std::string fd_name_of(FdKind kind, uint64_t ino, uint32_t magic, std::string_view name) {
  if (magic == kNsfsMagic) return std::string(name) + ":[" + std::to_string(ino) + "]";
  if (kind == FdKind::kMemfd) return std::string(name.substr(kMemfd.size()));
  // a named pipe has a path, a plain one only a number; the kernel calls some of what is nowhere "/"
  const bool in_folder = kind == FdKind::kFile || kind == FdKind::kDirectory || kind == FdKind::kPipe;
  return in_folder && name.starts_with('/') ? std::string(name) : std::string();
}

}  // namespace tiercel::context
