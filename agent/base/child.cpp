#include "agent/base/child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace tiercel {
namespace {

constexpr size_t kStackBytes = 64 * 1024;
constexpr mode_t kUmask = 027;

// Descriptors from 3 on: 0, 1 and 2 are made of them.
Fd above_stdio(int fd) {
  Fd high(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  ::close(fd);
  return high;
}

struct Start {
  int input, output, error;
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
  if (::dup2(start->input, STDIN_FILENO) >= 0 && ::dup2(start->output, STDOUT_FILENO) >= 0 &&
      ::dup2(start->error, STDERR_FILENO) >= 0 && ::close_range(STDERR_FILENO + 1, ~0U, 0) == 0 &&
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

Fd open_errors(const Launch& launch) {
  if (!launch.error_file.empty()) {
    Fd file(::open(launch.error_file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640));
    if (file.valid()) return above_stdio(file.release());
  }
  return above_stdio(::open("/dev/null", O_WRONLY | O_CLOEXEC));
}

}  // namespace

std::vector<std::string> plain_environment() {
  return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root"};
}

Result<Child> Child::start(const Launch& launch) {
  std::array<int, 2> in{-1, -1}, out{-1, -1};
  if (::pipe2(in.data(), O_CLOEXEC) != 0) return fail_errno("cannot make a pipe", errno);
  Fd theirs_in = above_stdio(in[0]), ours_in = above_stdio(in[1]);
  if (::pipe2(out.data(), O_CLOEXEC) != 0) return fail_errno("cannot make a pipe", errno);
  Fd ours_out = above_stdio(out[0]), theirs_out = above_stdio(out[1]);
  const Fd errors = launch.errors_to_output ? Fd() : open_errors(launch);
  const std::vector<char*> argv = pointers(launch.argv), environment = pointers(launch.environment);
  Start start{theirs_in.get(),
              theirs_out.get(),
              launch.errors_to_output ? theirs_out.get() : errors.get(),
              launch.file.c_str(),
              launch.folder.empty() ? nullptr : launch.folder.c_str(),
              argv.data(),
              environment.data(),
              0};
  std::vector<std::byte> stack(kStackBytes + 16);
  const auto top = (reinterpret_cast<uintptr_t>(stack.data()) + kStackBytes) & ~uintptr_t{15};
  int pidfd = -1;
  Child child;
  child.pid =
      ::clone(child_main, reinterpret_cast<void*>(top), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &start, &pidfd);
  if (child.pid < 0) return fail_errno("cannot start " + launch.file, errno);
  child.pidfd.reset(pidfd);
  if (start.failure != 0) {
    child.reap();
    return fail_errno("cannot run " + launch.file, start.failure);
  }
  for (const Fd* fd : {&ours_in, &ours_out}) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
  child.input = std::move(ours_in);
  child.output = std::move(ours_out);
  return child;
}

void Child::kill_group() const {
  ::kill(-pid, SIGKILL);
}

int Child::reap() {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) != 0)
    if (errno != EINTR) return -1;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

}  // namespace tiercel
