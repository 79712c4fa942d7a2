#include "agent/response/child.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "agent/base/clock.h"
#include "agent/response/command.h"

namespace tiercel::response {
namespace {

constexpr size_t kStackBytes = 64 * 1024;
constexpr size_t kToolOutputMax = 4096;
constexpr mode_t kUmask = 027;
const SystemClock kClock;

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

// Lines up to a size; what is longer is passed by.
class Lines {
 public:
  template <class Take>
  void add(std::string_view bytes, Take&& take) {
    for (const char c : bytes) {
      if (c != '\n') {
        if (line_.size() < kScriptLineBytesMax)
          line_ += c;
        else
          too_long_ = true;
        continue;
      }
      if (!too_long_) take(line_);
      line_.clear();
      too_long_ = false;
    }
  }

 private:
  std::string line_;
  bool too_long_ = false;
};

// One talk: what is to be written, and what was said.
class Conversation {
 public:
  Conversation(Child& child, const Talk& talk) : child_(child), talk_(talk), to_write_(talk.message + '\n') {}

  Talked run();

 private:
  void write_some();
  void read_some();
  void hear(const std::string& line);
  [[nodiscard]] int wait_ms(uint64_t now_ns) const;

  Child& child_;
  const Talk& talk_;
  std::string to_write_;
  Lines lines_;
  Talked talked_;
  bool answered_ = false;
  const uint64_t begun_ns_ = kClock.monotonic_ns();
  uint64_t limit_ns_ = begun_ns_ + static_cast<uint64_t>(talk_.time_limit_ms) * 1'000'000;
};

void Conversation::write_some() {
  while (!to_write_.empty()) {
    const ssize_t n = ::write(child_.input.get(), to_write_.data(), to_write_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {  // it does not listen
      to_write_.clear();
      child_.input.reset();
      return;
    }
    to_write_.erase(0, static_cast<size_t>(n));
  }
  if (talk_.close_input || answered_) child_.input.reset();
}

void Conversation::hear(const std::string& line) {
  ScriptLine said = parse_script_line(line);
  if (said.keys && !answered_ && talk_.on_keys) {
    answered_ = true;
    to_write_ += talk_.on_keys(*said.keys) + '\n';
    if (child_.input.valid()) write_some();
  } else if (!said.result.empty()) {
    talked_.result = said.result;
    talked_.reason = said.reason;
  }
}

void Conversation::read_some() {
  std::array<char, 16384> chunk;
  const ssize_t n = ::read(child_.output.get(), chunk.data(), chunk.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) return child_.output.reset();
  talked_.output_bytes += static_cast<uint64_t>(n);
  lines_.add({chunk.data(), static_cast<size_t>(n)}, [this](const std::string& line) { hear(line); });
}

int Conversation::wait_ms(uint64_t now_ns) const {
  uint64_t until_ns = limit_ns_;
  if (talk_.quiet_ms_max >= 0 && child_.input.valid() && talked_.output_bytes == 0)
    until_ns = std::min(until_ns, begun_ns_ + static_cast<uint64_t>(talk_.quiet_ms_max) * 1'000'000);
  return until_ns <= now_ns ? 0 : static_cast<int>((until_ns - now_ns) / 1'000'000 + 1);
}

Talked Conversation::run() {
  for (;;) {
    const uint64_t stop_ns = talk_.stop_deadline_ns ? talk_.stop_deadline_ns->load() : 0;
    const uint64_t now_ns = kClock.monotonic_ns();
    if (stop_ns != 0 && now_ns >= stop_ns) {
      talked_.end = Talked::End::kLeft;
      return talked_;
    }
    if (stop_ns == 0 && now_ns >= limit_ns_) break;
    if (talk_.quiet_ms_max >= 0 && talked_.output_bytes == 0 &&
        now_ns >= begun_ns_ + static_cast<uint64_t>(talk_.quiet_ms_max) * 1'000'000)
      child_.input.reset();
    std::array<pollfd, 4> fds{{{child_.pidfd.get(), POLLIN, 0},
                               {child_.output.get(), POLLIN, 0},
                               {to_write_.empty() ? -1 : child_.input.get(), POLLOUT, 0},
                               {stop_ns == 0 ? talk_.stop_fd : -1, POLLIN, 0}}};
    const int wait = stop_ns == 0 ? wait_ms(now_ns) : static_cast<int>((stop_ns - now_ns) / 1'000'000 + 1);
    if (::poll(fds.data(), fds.size(), wait) < 0 && errno != EINTR) break;
    if (fds[2].revents != 0) write_some();
    if (fds[1].revents != 0) {
      read_some();
    } else if (fds[0].revents != 0) {  // it has ended, and everything that it said was read
      talked_.exit_status = child_.reap();
      return talked_;
    }
  }
  talked_.end = Talked::End::kTimeLimit;
  child_.kill_group();
  talked_.exit_status = child_.reap();
  return talked_;
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

Talked converse(Child& child, const Talk& talk) {
  return Conversation(child, talk).run();
}

Result<ToolRun> run_tool(const std::string& file, std::vector<std::string> arguments, const std::string& input,
                         int time_limit_ms) {
  Launch launch;
  launch.file = file;
  arguments.insert(arguments.begin(), file);
  launch.argv = std::move(arguments);
  launch.environment = plain_environment();
  launch.errors_to_output = true;
  auto child = Child::start(launch);
  if (!child) return tl::unexpected(child.error());
  ToolRun run;
  std::string to_write = input;
  const uint64_t limit_ns = kClock.monotonic_ns() + static_cast<uint64_t>(time_limit_ms) * 1'000'000;
  for (uint64_t now_ns = 0; (now_ns = kClock.monotonic_ns()) < limit_ns;) {
    if (to_write.empty()) child->input.reset();
    std::array<pollfd, 3> fds{
        {{child->pidfd.get(), POLLIN, 0}, {child->output.get(), POLLIN, 0}, {child->input.get(), POLLOUT, 0}}};
    ::poll(fds.data(), fds.size(), static_cast<int>((limit_ns - now_ns) / 1'000'000 + 1));
    if (fds[2].revents != 0) {
      const ssize_t n = ::write(child->input.get(), to_write.data(), to_write.size());
      if (n < 0 && errno != EAGAIN && errno != EINTR) to_write.clear();
      if (n > 0) to_write.erase(0, static_cast<size_t>(n));
    }
    if (fds[1].revents != 0) {
      std::array<char, 4096> chunk;
      const ssize_t n = ::read(child->output.get(), chunk.data(), chunk.size());
      if (n == 0) child->output.reset();
      if (n > 0) run.output.append(chunk.data(), std::min(static_cast<size_t>(n), kToolOutputMax - run.output.size()));
    } else if (fds[0].revents != 0) {
      run.exit_status = child->reap();
      while (!run.output.empty() && run.output.back() == '\n') run.output.pop_back();
      return run;
    }
  }
  child->kill_group();
  child->reap();
  return fail(fmt::format("{} took longer than {} ms and was ended", file, time_limit_ms));
}

std::string find_tool(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/", "/usr/local/sbin/", "/usr/local/bin/"})
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  return {};
}

}  // namespace tiercel::response
