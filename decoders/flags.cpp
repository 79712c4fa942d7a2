#include "decoders/flags.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include "decoders/flag_tables.h"

namespace tiercel::decoders {
namespace {

// include/uapi/asm-generic/fcntl.h on x86-64 and arm64 differ in O_DIRECTORY, O_DIRECT and O_LARGEFILE.
#if defined(__aarch64__)
constexpr uint64_t kODirectory = 040000, kODirect = 0200000, kOLargefile = 0400000;
#else
constexpr uint64_t kODirectory = 0200000, kODirect = 040000, kOLargefile = 0100000;
#endif

// Access modes are numbers, not bits: they are given bits of their own before printing (file_flags_bits).
constexpr uint64_t kBitRdonly = 1ull << 40, kBitWronly = 1ull << 41, kBitCreated = 1ull << 42;
constexpr uint64_t kBitUpper = 1ull << 43, kBitLower = 1ull << 44;

constexpr FlagName kFileFlags[] = {
    {"O_LARGEFILE", kOLargefile},
    {"O_TMPFILE", 020000000 | kODirectory},
    {"O_DIRECTORY", kODirectory},
    {"O_DIRECT", kODirect},
    {"O_TRUNC", 01000},
    {"O_SYNC", 04010000},
    {"O_NONBLOCK", 04000},
    {"O_EXCL", 0200},
    {"O_DSYNC", 010000},
    {"O_APPEND", 02000},
    {"O_CREAT", 0100},
    {"O_RDWR", kBitRdonly | kBitWronly},
    {"O_WRONLY", kBitWronly},
    {"O_RDONLY", kBitRdonly},
    {"O_CLOEXEC", 02000000},
    {"O_F_CREATED", kBitCreated},
    {"FD_UPPER_LAYER", kBitUpper},
    {"FD_LOWER_LAYER", kBitLower},
};
constexpr FlagName kCloneFlags[] = {
    {"CLONE_FILES", 0x400},
    {"CLONE_FS", 0x200},
    {"CLONE_IO", 0x80000000},
    {"CLONE_NEWIPC", 0x8000000},
    {"CLONE_NEWNET", 0x40000000},
    {"CLONE_NEWNS", 0x20000},
    {"CLONE_NEWPID", 0x20000000},
    {"CLONE_NEWUTS", 0x4000000},
    {"CLONE_PARENT", 0x8000},
    {"CLONE_PARENT_SETTID", 0x100000},
    {"CLONE_PTRACE", 0x2000},
    {"CLONE_SIGHAND", 0x800},
    {"CLONE_SYSVSEM", 0x40000},
    {"CLONE_THREAD", 0x10000},
    {"CLONE_UNTRACED", 0x800000},
    {"CLONE_VM", 0x100},
    {"CLONE_NEWUSER", 0x10000000},
    {"CLONE_CHILD_CLEARTID", 0x200000},
    {"CLONE_CHILD_SETTID", 0x1000000},
    {"CLONE_SETTLS", 0x80000},
    {"CLONE_VFORK", 0x4000},
    {"CLONE_NEWCGROUP", 0x2000000},
};
constexpr FlagName kOpenat2Flags[] = {
    {"RESOLVE_BENEATH", 0x8},     {"RESOLVE_IN_ROOT", 0x10}, {"RESOLVE_NO_MAGICLINKS", 0x2},
    {"RESOLVE_NO_SYMLINKS", 0x4}, {"RESOLVE_NO_XDEV", 0x1},  {"RESOLVE_CACHED", 0x20},
};
constexpr FlagName kMountFlags[] = {
    {"RDONLY", 1},
    {"NOSUID", 2},
    {"NODEV", 4},
    {"NOEXEC", 8},
    {"SYNCHRONOUS", 16},
    {"REMOUNT", 32},
    {"MANDLOCK", 64},
    {"DIRSYNC", 128},
    {"NOATIME", 1024},
    {"NODIRATIME", 2048},
    {"BIND", 4096},
    {"MOVE", 8192},
    {"REC", 16384},
    {"SILENT", 32768},
    {"POSIXACL", 1 << 16},
    {"UNBINDABLE", 1 << 17},
    {"PRIVATE", 1 << 18},
    {"SLAVE", 1 << 19},
    {"SHARED", 1 << 20},
    {"RELATIME", 1 << 21},
    {"KERNMOUNT", 1 << 22},
    {"I_VERSION", 1 << 23},
    {"STRICTATIME", 1 << 24},
    {"LAZYTIME", 1 << 25},
};
constexpr FlagName kExecveFlags[] = {{"EXE_WRITABLE", EXE_WRITABLE},
                                     {"EXE_UPPER_LAYER", EXE_UPPER_LAYER},
                                     {"EXE_FROM_MEMFD", EXE_FROM_MEMFD},
                                     {"EXE_LOWER_LAYER", EXE_LOWER_LAYER}};
constexpr FlagName kSocketFamilies[] = {
    {"AF_NFC", 39},     {"AF_ALG", 38},    {"AF_CAIF", 37},    {"AF_IEEE802154", 36}, {"AF_PHONET", 35},
    {"AF_ISDN", 34},    {"AF_RXRPC", 33},  {"AF_IUCV", 32},    {"AF_BLUETOOTH", 31},  {"AF_TIPC", 30},
    {"AF_CAN", 29},     {"AF_LLC", 26},    {"AF_WANPIPE", 25}, {"AF_PPPOX", 24},      {"AF_IRDA", 23},
    {"AF_SNA", 22},     {"AF_RDS", 21},    {"AF_ATMSVC", 20},  {"AF_ECONET", 19},     {"AF_ASH", 18},
    {"AF_PACKET", 17},  {"AF_ROUTE", 16},  {"AF_NETLINK", 16}, {"AF_KEY", 15},        {"AF_SECURITY", 14},
    {"AF_NETBEUI", 13}, {"AF_DECnet", 12}, {"AF_ROSE", 11},    {"AF_INET6", 10},      {"AF_X25", 9},
    {"AF_ATMPVC", 8},   {"AF_BRIDGE", 7},  {"AF_NETROM", 6},   {"AF_APPLETALK", 5},   {"AF_IPX", 4},
    {"AF_AX25", 3},     {"AF_INET", 2},    {"AF_LOCAL", 1},    {"AF_UNIX", 1},        {"AF_UNSPEC", 0},
};
constexpr FlagName kPtraceRequests[] = {
    {"PTRACE_SINGLEBLOCK", 33},
    {"PTRACE_SYSEMU_SINGLESTEP", 32},
    {"PTRACE_SYSEMU", 31},
    {"PTRACE_ARCH_PRCTL", 30},
    {"PTRACE_SET_THREAD_AREA", 26},
    {"PTRACE_GET_THREAD_AREA", 25},
    {"PTRACE_OLDSETOPTIONS", 21},
    {"PTRACE_SETFPXREGS", 19},
    {"PTRACE_GETFPXREGS", 18},
    {"PTRACE_SETFPREGS", 15},
    {"PTRACE_GETFPREGS", 14},
    {"PTRACE_SETREGS", 13},
    {"PTRACE_GETREGS", 12},
    {"PTRACE_SETSIGMASK", 0x420b},
    {"PTRACE_GETSIGMASK", 0x420a},
    {"PTRACE_PEEKSIGINFO", 0x4209},
    {"PTRACE_LISTEN", 0x4208},
    {"PTRACE_INTERRUPT", 0x4207},
    {"PTRACE_SEIZE", 0x4206},
    {"PTRACE_SETREGSET", 0x4205},
    {"PTRACE_GETREGSET", 0x4204},
    {"PTRACE_SETSIGINFO", 0x4203},
    {"PTRACE_GETSIGINFO", 0x4202},
    {"PTRACE_GETEVENTMSG", 0x4201},
    {"PTRACE_SETOPTIONS", 0x4200},
    {"PTRACE_SYSCALL", 24},
    {"PTRACE_DETACH", 17},
    {"PTRACE_ATTACH", 16},
    {"PTRACE_SINGLESTEP", 9},
    {"PTRACE_KILL", 8},
    {"PTRACE_CONT", 7},
    {"PTRACE_POKEUSR", 6},
    {"PTRACE_POKEDATA", 5},
    {"PTRACE_POKETEXT", 4},
    {"PTRACE_PEEKUSR", 3},
    {"PTRACE_PEEKDATA", 2},
    {"PTRACE_PEEKTEXT", 1},
    {"PTRACE_TRACEME", 0},
};
constexpr FlagName kSignals[] = {
    {"SIGHUP", 1},   {"SIGINT", 2},     {"SIGQUIT", 3},  {"SIGILL", 4},     {"SIGTRAP", 5},  {"SIGABRT", 6},
    {"SIGBUS", 7},   {"SIGFPE", 8},     {"SIGKILL", 9},  {"SIGUSR1", 10},   {"SIGSEGV", 11}, {"SIGUSR2", 12},
    {"SIGPIPE", 13}, {"SIGALRM", 14},   {"SIGTERM", 15}, {"SIGSTKFLT", 16}, {"SIGCHLD", 17}, {"SIGCONT", 18},
    {"SIGSTOP", 19}, {"SIGTSTP", 20},   {"SIGTTIN", 21}, {"SIGTTOU", 22},   {"SIGURG", 23},  {"SIGXCPU", 24},
    {"SIGXFSZ", 25}, {"SIGVTALRM", 26}, {"SIGPROF", 27}, {"SIGWINCH", 28},  {"SIGIO", 29},   {"SIGPWR", 30},
    {"SIGSYS", 31},
};
constexpr std::string_view kCapabilities[] = {"CAP_CHOWN",
                                              "CAP_DAC_OVERRIDE",
                                              "CAP_DAC_READ_SEARCH",
                                              "CAP_FOWNER",
                                              "CAP_FSETID",
                                              "CAP_KILL",
                                              "CAP_SETGID",
                                              "CAP_SETUID",
                                              "CAP_SETPCAP",
                                              "CAP_LINUX_IMMUTABLE",
                                              "CAP_NET_BIND_SERVICE",
                                              "CAP_NET_BROADCAST",
                                              "CAP_NET_ADMIN",
                                              "CAP_NET_RAW",
                                              "CAP_IPC_LOCK",
                                              "CAP_IPC_OWNER",
                                              "CAP_SYS_MODULE",
                                              "CAP_SYS_RAWIO",
                                              "CAP_SYS_CHROOT",
                                              "CAP_SYS_PTRACE",
                                              "CAP_SYS_PACCT",
                                              "CAP_SYS_ADMIN",
                                              "CAP_SYS_BOOT",
                                              "CAP_SYS_NICE",
                                              "CAP_SYS_RESOURCE",
                                              "CAP_SYS_TIME",
                                              "CAP_SYS_TTY_CONFIG",
                                              "CAP_MKNOD",
                                              "CAP_LEASE",
                                              "CAP_AUDIT_WRITE",
                                              "CAP_AUDIT_CONTROL",
                                              "CAP_SETFCAP",
                                              "CAP_MAC_OVERRIDE",
                                              "CAP_MAC_ADMIN",
                                              "CAP_SYSLOG",
                                              "CAP_WAKE_ALARM",
                                              "CAP_BLOCK_SUSPEND",
                                              "CAP_AUDIT_READ",
                                              "CAP_PERFMON",
                                              "CAP_BPF",
                                              "CAP_CHECKPOINT_RESTORE"};

constexpr int64_t kErrnoMax = 4095;  // include/linux/err.h, MAX_ERRNO

using namespace flag_tables;
constexpr std::span<const FlagName> none{};
constexpr std::span<const FlagName> file_flags = kFileFlags, clone_flags = kCloneFlags, openat2_flags = kOpenat2Flags,
                                    mount_flags = kMountFlags, execve_flags = kExecveFlags,
                                    socket_families = kSocketFamilies, ptrace_requests = kPtraceRequests,
                                    signals = kSignals;

uint64_t file_flags_bits(uint64_t value) {
  const uint64_t access = value & 3;
  uint64_t bits = value & ~3ull;
  if (access == 0 || access == 2) bits |= kBitRdonly;
  if (access == 1 || access == 2) bits |= kBitWronly;
  return bits;
}

std::string join(std::string text, std::string_view name) {
  if (!text.empty()) text += '|';
  return text.append(name);
}

}  // namespace

std::span<const FlagName> flag_table(Kind kind) {
  switch (kind) {
#define KIND(name, falco_type, cls, table) \
  case Kind::k##name:                      \
    return table;
#include "decoders/kinds.def"
  }
  return none;
}

namespace {

std::string bits_text(Kind kind, uint64_t value) {
  std::string out;
  for (const FlagName& flag : flag_table(kind)) {
    if (flag.value == 0 && value == 0 && out.empty()) return std::string(flag.name);  // PROT_NONE
    if (flag.value == 0 || (value & flag.value) != flag.value) continue;
    out = join(std::move(out), flag.name);
    value &= ~flag.value;  // a name that covers several bits (O_RDWR, O_SYNC) speaks for them
  }
  return out;
}

}  // namespace

namespace {

// A file's type is a number among the permission bits; none stands for a regular file.
std::string mknod_text(uint64_t mode) {
  constexpr uint64_t kTypeMask = 0170000;
  std::string out = bits_text(Kind::kCHMOD_MODE, mode & ~kTypeMask);
  const uint64_t type = (mode & kTypeMask) == 0 ? 0100000 : mode & kTypeMask;
  for (const FlagName& flag : flag_table(Kind::kMKNOD_MODE))
    if (flag.value == type) out = join(std::move(out), flag.name);
  return out;
}

}  // namespace

std::string flags_text(Kind kind, uint64_t value) {
  if (kind == Kind::kMKNOD_MODE) return mknod_text(value);
  if (is_enum(kind)) {
    std::string name = enum_text(kind, value);
    return name.empty() && kind == Kind::kFCNTL_COMMANDS ? "UNKNOWN" : name;
  }
  return bits_text(kind, kind == Kind::kFILE_FLAGS ? file_flags_bits(value) : value);
}

std::string open_flags_text(const ev_open& open) {
  uint64_t bits = file_flags_bits(open.flags);
  if (open.fmode & kFmodeCreated) bits |= kBitCreated;
  if (open.fd_flags & FDF_UPPER_LAYER) bits |= kBitUpper;
  if (open.fd_flags & FDF_LOWER_LAYER) bits |= kBitLower;
  return bits_text(Kind::kFILE_FLAGS, bits);
}

bool is_enum(Kind kind) {
  return kind_info(kind).falco_type.starts_with("ENUMFLAGS") || kind == Kind::kSIGTYPE;
}

std::string enum_text(Kind kind, uint64_t value) {
  std::string out;
  for (const FlagName& flag : flag_table(kind))
    if (flag.value == value) out = join(std::move(out), flag.name);
  return out;
}

std::optional<uint64_t> flag_value(Kind kind, std::string_view name) {
  for (const FlagName& flag : flag_table(kind)) {
    if (flag.name != name) continue;
    if (kind != Kind::kFILE_FLAGS) return flag.value;
    if (flag.value >= kBitCreated) return std::nullopt;  // the kernel's word, not the caller's
    if (flag.value == kBitRdonly) return 0;
    if (flag.value == kBitWronly) return 1;
    if (flag.value == (kBitRdonly | kBitWronly)) return 2;
    return flag.value;
  }
  return std::nullopt;
}

std::optional<int> errno_value(std::string_view name) {
  if (name.empty()) return std::nullopt;
  for (int code = 1; code <= static_cast<int>(kErrnoMax); ++code)
    if (errno_name(code) == name) return code;
  return std::nullopt;
}

std::optional<uint64_t> capability_value(std::string_view name) {
  for (size_t i = 0; i < std::size(kCapabilities); ++i)
    if (kCapabilities[i] == name) return 1ull << i;
  return std::nullopt;
}

std::string_view errno_name(int64_t code) {
  if (code < -kErrnoMax || code > kErrnoMax || code == 0) return {};
  if (code < 0) code = -code;
  const char* name = ::strerrorname_np(static_cast<int>(code));
  return name ? std::string_view(name) : std::string_view();
}

std::string capabilities_text(uint64_t bits) {
  std::string out;
  for (size_t i = 0; i < std::size(kCapabilities); ++i) {
    if (!(bits >> i & 1)) continue;
    if (!out.empty()) out += ' ';
    out += kCapabilities[i];
  }
  return out;
}

std::string_view signal_name(int64_t number) {
  for (const FlagName& signal : kSignals)
    if (static_cast<int64_t>(signal.value) == number) return signal.name;
  return {};
}

}  // namespace tiercel::decoders
