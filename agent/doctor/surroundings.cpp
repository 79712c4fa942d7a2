// What of a host decides whether an evasion is open there.
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/config/load.h"
#include "agent/doctor/evasions.h"
#include "agent/sensor/uring.h"

namespace tiercel::doctor {
namespace {

constexpr size_t kPseudoFileMax = 4'096;

bool lists_bpf(const std::string& root) {
  const auto listed = read_pseudo_file(root + "/sys/kernel/security/lsm", kPseudoFileMax);
  return listed && ("," + listed->substr(0, listed->find('\n')) + ",").find(",bpf,") != std::string::npos;
}

// kernel.io_uring_disabled: 2 means nobody may make a ring, 1 only those of one group and root.
bool allows_rings(const std::string& root) {
  const auto disabled = read_pseudo_file(root + "/proc/sys/kernel/io_uring_disabled", kPseudoFileMax);
  return !disabled || !disabled->starts_with('2');
}

// By a call: a kernel that was built for it may have been told not to (ia32_emulation=off), and then ends who tries.
bool takes_32bit_calls() {
#ifdef __x86_64__
  const pid_t child = ::fork();
  if (child == 0) {
    long result = 20;  // getpid, arch/x86/entry/syscalls/syscall_32.tbl
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    ::_exit(result == ::getpid() ? 0 : 1);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
#else
  return false;
#endif
}

}  // namespace

Surroundings surroundings(const Options& options) {
  Surroundings host;
  host.way = sensor::choose_way(config::attach_word(options.config.sensor)).value_or(Way::kTracepoint);
  host.bpf_lsm = lists_bpf(options.root);
  host.guarded = host.bpf_lsm && options.config.hardening.guard;
  host.calls_32bit = takes_32bit_calls();
  host.compat_calls = options.config.sensor.compat_calls;
  host.uring_allowed = allows_rings(options.root);
  host.uring_seen = !sensor::uring_of_kernel().programs.empty();
  host.all_rules = options.config.rule_matching == config::RuleMatching::kAll;
  return host;
}

}  // namespace tiercel::doctor
