#include "agent/base/spawn.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

namespace tiercel {
namespace {

constexpr size_t kStackBytes = 64 * 1024;
constexpr mode_t kUmask = 027;

struct Start {
  Stdio stdio;
  int network;
  const char *file, *folder;
  char* const* argv;
  char* const* environment;
  int failure;  // errno
};

// Runs in our memory while we wait (CLONE_VM, CLONE_VFORK): system calls and nothing else.
__attribute__((no_sanitize("address", "undefined"))) int child_main(void* argument) {
  auto* start = static_cast<Start*>(argument);
  ::setpgid(0, 0);
  // The kernel's own structure, zero: the standard action. libc's call leaves out the two signals that it uses itself.
  const uint64_t standard[4] = {};
  for (int signal = 1; signal < NSIG; ++signal)
    ::syscall(SYS_rt_sigaction, signal, standard, nullptr, sizeof(uint64_t));
  ::umask(kUmask);
  if ((start->network < 0 || ::setns(start->network, CLONE_NEWNET) == 0) &&
      ::dup2(start->stdio.input, STDIN_FILENO) >= 0 && ::dup2(start->stdio.output, STDOUT_FILENO) >= 0 &&
      ::dup2(start->stdio.error, STDERR_FILENO) >= 0 && ::close_range(STDERR_FILENO + 1, ~0U, 0) == 0 &&
      (start->folder == nullptr || ::chdir(start->folder) == 0)) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(start->file, start->argv, start->environment);
  }
  start->failure = errno;
  ::_exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

int spawn(const Launch& launch, const Stdio& stdio, Spawned& into) {
  const std::vector<char*> argv = pointers(launch.argv), environment = pointers(launch.environment);
  Start start{stdio,
              launch.network,
              launch.file.c_str(),
              launch.folder.empty() ? nullptr : launch.folder.c_str(),
              argv.data(),
              environment.data(),
              0};
  std::vector<std::byte> stack(kStackBytes + 16);
  const auto top = (reinterpret_cast<uintptr_t>(stack.data()) + kStackBytes) & ~uintptr_t{15};
  int pidfd = -1;
  into.pid =
      ::clone(child_main, reinterpret_cast<void*>(top), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &start, &pidfd);
  if (into.pid < 0) return errno;
  into.pidfd.reset(pidfd);
  if (start.failure == 0) return 0;
  while (::waitpid(into.pid, nullptr, 0) < 0 && errno == EINTR) continue;
  return start.failure;
}

}  // namespace tiercel
