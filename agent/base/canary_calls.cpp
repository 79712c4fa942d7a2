#include "agent/base/canary_calls.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace tiercel {
namespace {

constexpr long kCwd = AT_FDCWD;
constexpr long kNo = -1;               // no descriptor, and no flags, option or command that a kernel knows
constexpr long kNobody = 0x7fff'ffff;  // beyond pid_max
constexpr long kBadFlags = 0x4000'0000;

// struct open_how, all zeros: O_RDONLY
constexpr std::array<uint64_t, 3> kHow{};

const long kHowAt = reinterpret_cast<long>(kHow.data());

}  // namespace

// Each line says how it fails, on purpose twice where a kernel could do something: a bad flag besides a bad descriptor.
std::span<const CanaryCall> canary_calls() {
  static const CanaryCall kCalls[] = {
#ifdef SYS_open  // the calls that newer architectures never had
      {"open", SYS_open, {0, O_RDONLY}, 1},
      {"creat", SYS_creat, {0, 0600}, 1},
      {"unlink", SYS_unlink, {}, 1},
      {"rmdir", SYS_rmdir, {}, 1},
      {"mkdir", SYS_mkdir, {0, 0700}, 1},
      {"mknod", SYS_mknod, {0, 0600, 0}, 1},
      {"chmod", SYS_chmod, {0, 0600}, 1},
      {"chown", SYS_chown, {0, kNo, kNo}, 1},
      {"lchown", SYS_lchown, {0, kNo, kNo}, 1},
      {"rename", SYS_rename, {}, 3},
      {"link", SYS_link, {}, 3},
      {"symlink", SYS_symlink, {}, 3},
      {"utime", SYS_utime, {}, 1},
      {"utimes", SYS_utimes, {}, 1},
      {"futimesat", SYS_futimesat, {kCwd}, 2},
      {"pipe", SYS_pipe, {}},  // EFAULT
      {"dup2", SYS_dup2, {kNo, kNo}},
#endif
      {"openat", SYS_openat, {kCwd, 0, O_RDONLY}, 2},
      {"openat2", SYS_openat2, {kCwd, 0, kHowAt, sizeof kHow}, 2},
      {"open_by_handle_at", SYS_open_by_handle_at, {kNo, 0, 0}},
      {"close", SYS_close, {kNo}},
      {"chdir", SYS_chdir, {}, 1},
      {"fchdir", SYS_fchdir, {kNo}},
      {"unlinkat", SYS_unlinkat, {kCwd}, 2},
      {"mkdirat", SYS_mkdirat, {kCwd, 0, 0700}, 2},
      {"mknodat", SYS_mknodat, {kCwd, 0, 0600, 0}, 2},
      {"fchmodat", SYS_fchmodat, {kCwd, 0, 0600}, 2},
      {"fchmod", SYS_fchmod, {kNo, 0600}},
      {"fchownat", SYS_fchownat, {kCwd, 0, kNo, kNo, 0}, 2},
      {"fchown", SYS_fchown, {kNo, kNo, kNo}},
#ifdef SYS_renameat
      {"renameat", SYS_renameat, {kCwd, 0, kCwd, 0}, 10},
#endif
      {"renameat2", SYS_renameat2, {kCwd, 0, kCwd, 0, 0}, 10},
      {"linkat", SYS_linkat, {kCwd, 0, kCwd, 0, 0}, 10},
      {"symlinkat", SYS_symlinkat, {0, kCwd, 0}, 5},
      {"truncate", SYS_truncate, {}, 1},
      {"ftruncate", SYS_ftruncate, {kNo, 0}},
      {"utimensat", SYS_utimensat, {kCwd}, 2},
      {"setxattr", SYS_setxattr, {}, 3},
      {"lsetxattr", SYS_lsetxattr, {}, 3},
      {"fsetxattr", SYS_fsetxattr, {kNo}, 2},
      {"removexattr", SYS_removexattr, {}, 3},
      {"lremovexattr", SYS_lremovexattr, {}, 3},
      {"fremovexattr", SYS_fremovexattr, {kNo}, 2},
      {"read", SYS_read, {kNo, 0, 0}},
      {"write", SYS_write, {kNo, 0, 0}},
      {"pread", SYS_pread64, {kNo, 0, 0, 0}},
      {"pwrite", SYS_pwrite64, {kNo, 0, 0, 0}},
      {"readv", SYS_readv, {kNo, 0, 0}},
      {"writev", SYS_writev, {kNo, 0, 0}},
      {"mount", SYS_mount, {}},  // no folder: EFAULT
      {"umount2", SYS_umount2, {0, kBadFlags}, 1},
      {"chroot", SYS_chroot, {}, 1},
      {"pivot_root", SYS_pivot_root, {}, 3},
      {"move_mount", SYS_move_mount, {kNo, 0, kNo, 0, kBadFlags}, 10},
      {"open_tree", SYS_open_tree, {kNo, 0, kBadFlags}, 2},
#ifdef SYS_mount_setattr
      {"mount_setattr", SYS_mount_setattr, {kNo, 0, kBadFlags, 0, 0}, 2},
#endif
      {"fsopen", SYS_fsopen, {0, kBadFlags}, 1},
      {"fsmount", SYS_fsmount, {kNo, kBadFlags, 0}},
      {"fsconfig", SYS_fsconfig, {kNo, kBadFlags, 0, 0, 0}},
      {"unshare", SYS_unshare, {1}},  // no CLONE_ flag
      {"setns", SYS_setns, {kNo, 0}},
      {"socket", SYS_socket, {kNo, kNo, kNo}},
      {"connect", SYS_connect, {kNo, 0, 0}},
#ifdef SYS_accept
      {"accept", SYS_accept, {kNo, 0, 0}},
#endif
      {"accept4", SYS_accept4, {kNo, 0, 0, kBadFlags}},
      {"bind", SYS_bind, {kNo, 0, 0}},
      {"listen", SYS_listen, {kNo, 0}},
      {"shutdown", SYS_shutdown, {kNo, kNo}},
      {"sendto", SYS_sendto, {kNo, 0, 0, 0, 0, 0}},
      {"sendmsg", SYS_sendmsg, {kNo, 0, 0}},
      {"recvfrom", SYS_recvfrom, {kNo, 0, 0, 0, 0, 0}},
      {"recvmsg", SYS_recvmsg, {kNo, 0, 0}},
      {"socketpair", SYS_socketpair, {kNo, kNo, kNo, 0}},
      {"pipe2", SYS_pipe2, {0, kBadFlags}},
      {"dup", SYS_dup, {kNo}},
      {"dup3", SYS_dup3, {kNo, kNo, kBadFlags}},
      {"fcntl", SYS_fcntl, {kNo, F_GETFD}},
      {"eventfd2", SYS_eventfd2, {0, kBadFlags}},
      {"signalfd4", SYS_signalfd4, {kNo, 0, 0, kBadFlags}},
      {"timerfd_create", SYS_timerfd_create, {kNo, kBadFlags}},
      {"inotify_init1", SYS_inotify_init1, {kBadFlags}},
      {"epoll_create1", SYS_epoll_create1, {kBadFlags}},
      {"pidfd_open", SYS_pidfd_open, {kNo, kBadFlags}},
#ifdef SYS_pidfd_getfd
      {"pidfd_getfd", SYS_pidfd_getfd, {kNo, kNo, kBadFlags}},
#endif
      {"pidfd_send_signal", SYS_pidfd_send_signal, {kNo, 0, 0, kBadFlags}},
      // "Not to be changed", and ids that are none: these tell and change nothing.
      {"setuid", SYS_setuid, {kNo}},
      {"setgid", SYS_setgid, {kNo}},
      {"setreuid", SYS_setreuid, {kNo, kNo}},
      {"setregid", SYS_setregid, {kNo, kNo}},
      {"setresuid", SYS_setresuid, {kNo, kNo, kNo}},
      {"setresgid", SYS_setresgid, {kNo, kNo, kNo}},
      {"setfsuid", SYS_setfsuid, {kNo}},
      {"setfsgid", SYS_setfsgid, {kNo}},
      {"setgroups", SYS_setgroups, {kNobody, 0}},  // more than there may be
      {"capset", SYS_capset, {}},                  // EFAULT
      {"setsid", SYS_setsid, {}},                  // the child's own session, for as long as it lives
      {"setpgid", SYS_setpgid, {0, kNo}},
      {"prctl", SYS_prctl, {kNo}},
      {"ptrace", SYS_ptrace, {kNo, kNobody, 0, 0}},
      {"process_vm_readv", SYS_process_vm_readv, {kNobody, 0, 0, 0, 0, kBadFlags}},
      {"process_vm_writev", SYS_process_vm_writev, {kNobody, 0, 0, 0, 0, kBadFlags}},
      {"kill", SYS_kill, {kNobody, 0}},
      {"tkill", SYS_tkill, {kNo, 0}},
      {"tgkill", SYS_tgkill, {kNo, kNo, 0}},
      {"init_module", SYS_init_module, {0, 0, 0}},  // no module has 0 bytes
      {"finit_module", SYS_finit_module, {kNo, 0, kBadFlags}},
      {"delete_module", SYS_delete_module, {0, 0}},  // no name: EFAULT
      {"bpf", SYS_bpf, {kNo, 0, 0}},
      {"perf_event_open", SYS_perf_event_open, {0, kNo, kNo, kNo, kBadFlags}},
  // kexec_load: a kernel that is locked down would log each try before it looks at anything.
#ifdef SYS_kexec_file_load
      {"kexec_file_load", SYS_kexec_file_load, {kNo, kNo, 0, 0, kBadFlags}},
#endif
      {"userfaultfd", SYS_userfaultfd, {kBadFlags}},
      {"keyctl", SYS_keyctl, {kNo}},
      {"seccomp", SYS_seccomp, {kNo, kNo, 0}},
      {"sched_setaffinity", SYS_sched_setaffinity, {kNobody, 0, 0}},
      {"setpriority", SYS_setpriority, {kNo, 0, 0}},
      {"memfd_create", SYS_memfd_create, {0, kBadFlags}},
      {"mmap", SYS_mmap, {0, 0, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, kNo, 0}},  // of no length
      {"mprotect", SYS_mprotect, {1, 0, PROT_EXEC}},                               // no page begins there
      {"io_uring_setup", SYS_io_uring_setup, {0, 0}},
      {"io_uring_enter", SYS_io_uring_enter, {kNo, 0, 0, kBadFlags, 0, 0}},
      {"io_uring_register", SYS_io_uring_register, {kNo, kNobody, 0, 0}},
  };
  return kCalls;
}

namespace {

struct Errand {
  std::string name, path;
  std::span<const uint8_t> calls;
};

// In our memory, but for the stack, while we wait: it changes nothing there but errno.
int child_main(void* argument) {
  const Errand& errand = *static_cast<const Errand*>(argument);
  ::prctl(PR_SET_NAME, errand.name.c_str());
  for (const uint8_t index : errand.calls) {
    const CanaryCall& call = canary_calls()[index];
    std::array<long, 6> a = call.arguments;
    for (size_t n = 0; n < a.size(); ++n)
      if (call.paths >> n & 1) a[n] = reinterpret_cast<long>(errand.path.c_str());
    ::syscall(call.number, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
  ::_exit(0);
}

}  // namespace

Result<pid_t> start_canaries(const std::string& name, std::span<const uint8_t> calls) {
  constexpr size_t kStackBytes = 16'384;
  Errand errand{name.substr(0, kCanaryNameMax), "/" + name + "/canary", calls};
  if (std::any_of(calls.begin(), calls.end(), [](uint8_t index) { return index >= canary_calls().size(); }))
    return fail("no such canary", Fault::kBug);
  alignas(16) std::array<std::byte, kStackBytes> stack;
  // CLONE_VFORK: we go on when it has ended, so it may use our memory and that stack.
  const pid_t pid = ::clone(child_main, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &errand);
  if (pid < 0) return fail_errno("cannot start a process", errno);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  return pid;
}

}  // namespace tiercel
