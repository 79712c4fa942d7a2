#include "agent/doctor/evasions.h"

#include <fmt/core.h>

#include <utility>

namespace tiercel::doctor {
namespace {

constexpr Gap kClosed{};

Gap on_tracepoints(const Surroundings& host, Gap gap) {
  return host.way == Way::kTracepoint ? gap : kClosed;
}

Gap swapped_descriptor(const Surroundings& host) {
  return on_tracepoints(host, {"a thread may put another file in the descriptor's place before the exit is looked at; "
                               "evt.path_uncertain marks every event of which that can be said",
                               "a kernel with BTF trampolines (fexit) or kprobes"});
}
Gap other_paths(const Surroundings& host) {
  return on_tracepoints(
      host,
      {"unlink, rename, chmod, mount and the like leave no open file: their paths are read from "
       "memory that a thread may change; evt.path_uncertain marks these events, evt.arg_changed is never true here",
       "a kernel with BTF trampolines (fexit) or kprobes"});
}
Gap second_name(const Surroundings&) {
  return {
      "a second name in the file system has a path of its own; the making of it is an event (link, linkat, mount), and "
      "fd.dev and fd.ino stay",
      "rules over link, linkat, mount, move_mount; fs.protected_hardlinks=1 keeps users from it"};
}

Gap through_a_ring(const Surroundings& host) {
  if (!host.uring_allowed || host.uring_seen) return kClosed;
  return {
      "what goes through an io_uring makes no system call; io_uring_setup, io_uring_enter and io_uring_register are "
      "seen",
      "kernel.io_uring_disabled=2 where no program needs rings; a rule over io_uring_setup"};
}

Gap copied_program(const Surroundings&) {
  return {
      "nothing of a program's contents is looked at: a copy under another name is known by where it lies, what it is "
      "given and what it does",
      "rules over what programs do, proc.is_exe_upper_layer, proc.exe_ino.ctime_duration_proc_start"};
}

Gap call_of_32_bit(const Surroundings& host) {
  if (!host.calls_32bit || host.compat_calls || host.way == Way::kTrampoline) return kClosed;
  return {
      "tracepoints of system calls do not fire for the 32-bit entry; programs that start, processes and their ends are "
      "seen",
      "sensor.compat_calls (at a price for every call, docs/attaching.md); boot with ia32_emulation=off where nothing "
      "needs it"};
}

Gap not_kept_from_it(const Surroundings& host) {
  if (host.guarded) return kClosed;
  return {"nobody with root's rights is kept from ending the agent or from writing to its maps: it is told, not denied",
          "hardening.guard where BPF LSM is active; a manager that asks why a host is silent"};
}

Gap killed_late(const Surroundings&) {
  return {
      "a response follows the call that it answers: what that call did is done. Only starts of programs in containers "
      "are "
      "ended before their first instruction (docs/kernel-kill.md)",
      "permissions; a kill on the program's start"};
}

Gap shadowed_rule(const Surroundings& host) {
  if (host.all_rules) return kClosed;
  return {"rule_matching: first, as Falco has it: of several rules that match only the first one tells",
          "rule_matching: all"};
}

constexpr Deed kToctou[] = {
    {"path of an open", "fd.realpath is the kernel's own, and conditions are judged with it too"},
    {"text in shared memory",
     "the same; text that lies in memory which others have mapped is marked (evt.path_uncertain)"},
    {"descriptor", "the file is noted where the kernel opens it", swapped_descriptor},
    {"path of another call", "the kernel's own copy of the argument", other_paths},
};
constexpr Deed kNames[] = {
    {"symbolic link", "conditions are judged with both paths"},
    {"/proc/self/root", "conditions are judged with both paths"},
    {"dot dot", "fd.name is cleaned, and judged beside the kernel's path"},
    {"hard link", "", second_name},
    {"bind mount", "", second_name},
};
constexpr Deed kDirectory[] = {{"directory descriptor", "paths are resolved in the kernel, at the call"}};
constexpr Deed kRings[] = {{"open through a ring", "requests are seen where the kernel takes them", through_a_ring}};
constexpr Deed kInterpreters[] = {
    {"script", "proc.script, and the interpreter's own path"},
    {"loader", "proc.exepath is the loader's, proc.args has the program"},
};
constexpr Deed kMemory[] = {
    {"memfd with a trusted name", "proc.is_exe_from_memfd comes from the inode"},
    {"link into /dev/shm", "proc.exepath is the kernel's path"},
    {"deleted executable", "proc.is_exe_deleted"},
};
constexpr Deed kProcessNames[] = {
    {"argv[0]", "proc.argv0_is_exe, proc.exepath"},
    {"comm", "proc.comm_is_exe; proc.name stays what it was at the start; prctl is an event"},
    {"copy", "", copied_program},
};
constexpr Deed kPadding[] = {
    {"end of the arguments", "the last 4 KiB are taken too"},
    {"middle of the arguments", "proc.is_args_cut, proc.args_size"},
};
constexpr Deed kShells[] = {
    {"duplicated in another order",
     "proc.stdin, proc.stdout and proc.stderr are what they are when the program starts"},
    {"pipes of a relay", "proc.stdin.type and proc.stdout.type, the parent"},
};
constexpr Deed kFlood[] = {
    {"start behind a flood", "starts have a ring of their own"},
    {"flood itself", "each loss is counted and told, by event type and cgroup"},
};
constexpr Deed kThrottle[] = {{"start in a storm", "nothing is throttled"}};
constexpr Deed kIdentity[] = {
    {"pid namespace", "pids of the host and start times, proc.vpid beside them"},
    {"thread", "thread.tid and proc.pid come from the kernel's task"},
};
constexpr Deed kCgroups[] = {
    {"cgroup named like a container's", "container.verified: a runtime's record must name the cgroup"}};
constexpr Deed kCredentials[] = {{"setuid after the start", "each record carries the credentials of its moment"}};
constexpr Deed kCompat[] = {
    {"32-bit start", "programs that start are told by the scheduler, whatever the entry"},
    {"32-bit open", "the sensor is attached to the 32-bit entry too", call_of_32_bit},
};
constexpr Deed kBlinding[] = {
    {"kill", "the next agent reports the gap"},
    {"map of the agent", "bpf calls of others are events"},
    {"prevention", "hardening.guard, where BPF LSM is active", not_kept_from_it},
};
constexpr Deed kMissed[] = {{"runs that the kernel skips", "counted: status says how many"}};
constexpr Deed kLate[] = {{"write before the kill", "", killed_late}};
constexpr Deed kStale[] = {
    {"program behind a full ring", "what is known is looked up again after a loss, proc.is_uncertain"}};
constexpr Deed kOrder[] = {{"rule behind another", "all rules are judged", shadowed_rule}};

constexpr Evasion kEvasions[] = {
    {1, "arguments rewritten after the call read them", kToctou},
    {2, "another name of the same file", kNames},
    {3, "directory descriptor changed after the call", kDirectory},
    {4, "io_uring", kRings},
    {5, "started by an interpreter or the loader", kInterpreters},
    {6, "program in memory", kMemory},
    {7, "process under another name", kProcessNames},
    {8, "long arguments", kPadding},
    {9, "shell on a connection by other calls", kShells},
    {10, "flood", kFlood},
    {11, "throttling as cover", kThrottle},
    {12, "namespaces", kIdentity},
    {13, "cgroup with a container's name", kCgroups},
    {14, "credentials changed after the start", kCredentials},
    {15, "32-bit system calls", kCompat},
    {16, "blinding the agent", kBlinding},
    {17, "programs that the kernel does not run", kMissed},
    {18, "killed too late", kLate},
    {19, "stale state after losses", kStale},
    {20, "order of rules", kOrder},
};

void join(std::string& to, std::string_view text, const char* between) {
  if (!to.empty() && !text.empty()) to += between;
  to += text;
}

}  // namespace

std::span<const Evasion> all_evasions() {
  return kEvasions;
}

Gap gap_of(const Deed& deed, const Surroundings& host) {
  return deed.gap ? deed.gap(host) : kClosed;
}

std::vector<Fact> evasion_facts(const Surroundings& host) {
  std::vector<Fact> facts;
  for (const Evasion& evasion : kEvasions) {
    Fact fact{
        .what = fmt::format("evasion {}", evasion.id), .detail = "", .means = "", .way_out = "", .evasion = evasion.id};
    std::vector<std::pair<std::string, std::string_view>> reasons;  // deeds, why
    for (const Deed& deed : evasion.deeds) {
      const Gap gap = gap_of(deed, host);
      (gap.why.empty() ? fact.closed : fact.open).emplace_back(deed.key);
      if (gap.why.empty()) continue;
      if (reasons.empty() || reasons.back().second != gap.why) reasons.emplace_back("", gap.why);
      join(reasons.back().first, deed.key, ", ");
      if (fact.way_out.find(gap.way_out) == std::string::npos) join(fact.way_out, gap.way_out, "; ");
    }
    for (const auto& [deeds, why] : reasons) join(fact.means, fmt::format("{}: {}", deeds, why), ". ");
    fact.state = reasons.empty() ? State::kGood : State::kNote;
    fact.detail = fmt::format("{}: {}", evasion.name, reasons.empty() ? "closed" : "open");
    facts.push_back(std::move(fact));
  }
  return facts;
}

}  // namespace tiercel::doctor
