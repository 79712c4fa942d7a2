#include "agent/base/child.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "agent/base/broker.h"

namespace tiercel {
namespace {

// Descriptors from 3 on: 0, 1 and 2 are made of them.
Fd above_stdio(int fd) {
  Fd high(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  ::close(fd);
  return high;
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
  const Stdio stdio{theirs_in.get(), theirs_out.get(), launch.errors_to_output ? theirs_out.get() : errors.get()};
  Child child;
  if (broker::runs()) {
    auto started = broker::spawn(launch, stdio);
    if (!started) return tl::unexpected(started.error());
    child.pid = started->spawned.pid;
    child.pidfd = std::move(started->spawned.pidfd);
    child.broker_ = std::move(started->line);
  } else {
    Spawned spawned;
    if (const int failure = spawn(launch, stdio, spawned); failure != 0)
      return fail_errno("cannot run " + launch.file, failure);
    child.pid = spawned.pid;
    child.pidfd = std::move(spawned.pidfd);
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
  if (broker_.valid()) return broker::wait_for_end(std::move(broker_));
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) != 0)
    if (errno != EINTR) return -1;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

}  // namespace tiercel
