// Kills hit the alert's process and no other. The kernel's start time comes from a function here; the live test has the
// kernel's own.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "agent/response/kill.h"
#include "agent/response/proc.h"

using namespace tiercel;
using namespace tiercel::response;

namespace {

constexpr uint64_t kStartNs = 26'210'323'544'059;

StartTimeOf says(uint64_t start_ns) {
  return [start_ns](int32_t) { return Result<uint64_t>(start_ns); };
}

// Waits for a signal; ended at the end.
class Victim {
 public:
  Victim() : pid_(::fork()) {
    if (pid_ == 0)
      for (;;) ::pause();
  }
  ~Victim() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool alive() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
  }
  [[nodiscard]] Cause cause() const {
    Cause cause;
    cause.pid = pid_;
    cause.start_ns = kStartNs;
    return cause;
  }

 private:
  pid_t pid_;
};

bool mentions(const Deed& deed, const std::string& text) {
  INFO(deed.result << ": " << deed.reason);
  const bool found = deed.reason.find(text) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("response kill: another process that got the pid lives") {
  const Victim victim;
  Deed deed = kill_process(victim.cause(), says(kStartNs + 1));  // within one tick of /proc
  CHECK(deed.result == "refused");
  mentions(deed, "another one now");
  deed = kill_process(victim.cause(), says(0));
  CHECK(deed.result == "refused");
  deed = kill_process(victim.cause(), [](int32_t) { return Result<uint64_t>(fail("no BPF")); });
  CHECK(deed.result == "failed");
  CHECK(deed.reason == "no BPF");
  CHECK(victim.alive());
}

TEST_CASE("response kill: what an alert does not name is refused before anything is asked") {
  const StartTimeOf never = [](int32_t) -> Result<uint64_t> {
    FAIL("asked");
    return 0;
  };
  Cause cause;
  CHECK(kill_process(cause, never).result == "refused");
  cause.pid = 1;
  CHECK(kill_process(cause, never).result == "refused");
  cause.start_ns = 0;
  CHECK(kill_process(cause, never).result == "refused");
  cause.start_ns = kStartNs;
  for (const int32_t pid : {1, 0, -1}) {
    cause.pid = pid;
    CHECK(kill_process(cause, never).result == "refused");
  }
}

TEST_CASE("response kill: never ourselves, who started us, kernel threads, Tiercel") {
  Cause cause;
  cause.start_ns = kStartNs;
  cause.pid = ::getpid();
  Deed deed = kill_process(cause, says(kStartNs));
  CHECK(deed.result == "refused");
  mentions(deed, "it is Tiercel");
  CHECK_FALSE(why_protected(::getppid()).empty());
  CHECK(why_protected(1) == "it is pid 1, or no process at all");
  const auto kernel = proc_stat(2);
  if (kernel && kernel->kernel_thread) CHECK(why_protected(2) == "it is a kernel thread");
  const Victim victim;  // our own program: as a second Tiercel would be
  deed = kill_process(victim.cause(), says(kStartNs));
  CHECK(deed.result == "refused");
  mentions(deed, "it is Tiercel itself");
  CHECK(victim.alive());
}

TEST_CASE("response kill: a process that is the alert's is killed, and its end is waited for") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl("/bin/sleep", "sleep", "300", nullptr);
    ::_exit(127);
  }
  while (proc_stat(pid) && proc_stat(pid)->name != "sleep") ::usleep(1'000);
  Cause cause;
  cause.pid = pid;
  cause.start_ns = kStartNs;
  const Deed deed = kill_process(cause, says(kStartNs));
  CHECK(deed.result == "done");
  CHECK(deed.reason == "killed sleep(" + std::to_string(pid) + ")");
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(kill_process(cause, says(kStartNs)).result == "refused");  // it has ended
}

TEST_CASE("response kill: containers that are none, or have ended") {
  Cause cause;
  CHECK(kill_container(cause, {}).result == "refused");
  const Victim victim;
  // Names of the host's own cgroups, in some of which a process truly is: no record says that they are containers.
  ContainerKill options;
  options.unverified_too = true;
  for (const std::string& name : {std::string("host"), std::string("system.slice"), std::string("init.scope"),
                                  std::string("docker"), std::string("/"), std::string(64, 'a')}) {
    cause.container_id = name;
    const Deed deed = kill_container(cause, options);
    INFO(name << ": " << deed.reason);
    CHECK(deed.result == "refused");
  }
  CHECK(victim.alive());
}

TEST_CASE("response proc: names with brackets and blanks") {
  const auto own = proc_stat(::getpid());
  REQUIRE(own);
  CHECK(own->ppid == ::getppid());
  CHECK_FALSE(own->kernel_thread);
  CHECK_FALSE(proc_stat(-1));
}
