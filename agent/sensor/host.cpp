#include "agent/sensor/host.h"

#include <fmt/core.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "agent/base/fd.h"
#include "agent/sensor/bpf_source.h"
#include "agent/sensor/hooks.h"
#include "agent/sensor/tracefs.h"
#include "agent/sensor/way.h"

namespace tiercel::sensor {

namespace {

// Which way `auto` takes, and why not a better one.
HostFact ways_fact() {
  std::string works, refused;
  std::optional<Way> best;
  for (const WayTrial& trial : try_ways()) {
    if (trial.works && !best) best = trial.way;
    std::string& to = trial.works ? works : refused;
    to.append(to.empty() ? "" : "; ").append(way_name(trial.way));
    if (!trial.works) to.append(": ").append(trial.why);
  }
  const bool full = best == Way::kTrampoline;
  return {full ? HostFact::State::kGood : HostFact::State::kDegraded, "ways to attach",
          fmt::format("{} (works: {}{}{})", way_name(best.value_or(Way::kTracepoint)), works,
                      refused.empty() ? "" : "; not ", refused),
          full ? ""
               : "nothing on this kernel; those of distributions have fentry (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)",
          full ? ""
          : best == Way::kKprobe
              ? "calls of 32-bit programs are not seen, but for programs started and processes made"
              : "calls of 32-bit programs are not seen, but for programs started and processes made; "
                "arguments are read from the caller's memory, and marked where it may have changed"};
}

}  // namespace

std::vector<HostFact> probe_host() {
  using State = HostFact::State;
  std::vector<HostFact> facts;
  utsname name{};
  ::uname(&name);
  int major = 0, minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  const bool new_enough = major > 5 || (major == 5 && minor >= 17);
  facts.push_back({new_enough ? State::kGood : State::kMissing, "kernel", name.release,
                   new_enough ? "" : "boot Linux 5.17 or later",
                   new_enough ? "" : "the sensor's programs do not load"});
  const bool root = ::geteuid() == 0;
  facts.push_back({root ? State::kGood : State::kMissing, "privileges", root ? "root" : "not root",
                   root ? "" : "run as root (sudo)",
                   root ? "" : "the sensor cannot be tried, and some of the rest is not readable"});
  const bool has_btf = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  facts.push_back({has_btf ? State::kGood : State::kMissing, "kernel BTF", "/sys/kernel/btf/vmlinux",
                   has_btf ? "" : "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as current distributions have",
                   has_btf ? "" : "the programs cannot find the kernel's fields: the sensor does not start"});
  const bool has_tracefs = open_tracefs().valid();
  facts.push_back({has_tracefs ? State::kGood : State::kMissing, "tracefs", has_tracefs ? "reachable" : "not reachable",
                   has_tracefs ? ""
                   : root      ? "check CONFIG_FTRACE_SYSCALLS and the kernel's lockdown mode"
                               : "run as root (sudo)",
                   has_tracefs ? "" : "system calls cannot be hooked"});
  if (root && has_btf) {
    // Nothing tells better whether the programs can be loaded than loading them.
    auto loaded = try_programs();
    facts.push_back({loaded ? State::kGood : State::kMissing, kProgramsFact,
                     loaded ? "the kernel takes them" : loaded.error().message,
                     loaded ? "" : "`tiercel run --log-level debug` shows the verifier's words",
                     loaded ? "" : "nothing on this host can be watched"});
  }
  if (root && has_btf) facts.push_back(ways_fact());
  if (Fd tracefs = open_tracefs(); tracefs.valid()) {
    std::string lacking, never;
    for (uint16_t type = 1; type < EVT_COUNT; ++type) {
      const Hook& hook = hook_of(type);
      if (HOOK_SHAPE(hook.hook) == SHAPE_NONE) continue;
      if (!hook.is_call())
        never.append(never.empty() ? "; this architecture never had " : ", ").append(hook.event);
      else if (!tracepoint_id(tracefs.get(), hook.kernel_name(), false))
        lacking.append(lacking.empty() ? "no tracepoint for " : ", ").append(hook.event);
    }
    facts.push_back(
        {lacking.empty() ? State::kGood : State::kDegraded, "system calls",
         (lacking.empty() ? "all that rules may name have tracepoints" : lacking) + never,
         lacking.empty() ? "" : "nothing to do: this kernel was built without them, so nobody can call them",
         lacking.empty() ? "" : "rules that name them never match"});
  }
  auto lsm = read_pseudo_file("/sys/kernel/security/lsm", 4096);
  const bool bpf_lsm = lsm && ("," + *lsm + ",").find(",bpf,") != std::string::npos;
  const std::string active = lsm ? lsm->substr(0, lsm->find('\n')) : "/sys/kernel/security/lsm is not readable";
  facts.push_back({bpf_lsm ? State::kGood : State::kDegraded, "BPF LSM",
                   fmt::format("{} ({})", bpf_lsm ? "active" : "not active", active),
                   bpf_lsm ? "" : "add bpf to the kernel's lsm= parameter, if you want hardening.guard",
                   bpf_lsm ? "" : "killing the agent can be told, not denied"});
  return facts;
}

Result<> explain_load_failure(int code) {
  if (::geteuid() != 0) return fail("the sensor needs root: run tiercel with sudo, or use `tiercel replay`");
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0)
    return fail(
        "this kernel has no BTF (/sys/kernel/btf/vmlinux): use a kernel built with CONFIG_DEBUG_INFO_BTF=y, "
        "as those of current distributions are");
  utsname name{};
  ::uname(&name);
  return fail_errno(fmt::format("the kernel ({}) refused the sensor's programs; `tiercel doctor` says what it lacks, "
                                "--log-level debug shows the verifier's words",
                                name.release),
                    code);
}

}  // namespace tiercel::sensor
