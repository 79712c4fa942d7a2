// Process and Image: what is known of a process and of each program that it ran. Filled by ProcessTable on the deciding
// thread; everything else reads. An Image never changes once made, so an event can hold the one that made it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/context/containers.h"
#include "agent/context/descriptor.h"

namespace tiercel::context {

// (pid in the root namespace, start_boottime): pids are recycled, this pair is not.
struct ProcessKey {
  uint32_t pid = 0;
  uint64_t start_ns = 0;
  bool operator==(const ProcessKey&) const = default;
};

struct ProcessKeyHash {
  size_t operator()(const ProcessKey& key) const { return key.start_ns * 0x9e3779b97f4a7c15ull ^ key.pid; }
};

// What a standard descriptor was when the program started.
struct Stdio {
  FdKind kind = FdKind::kNone;
  uint64_t ino = 0;  // two ends of one pipe have the same
  std::string name;  // as fd.name
};

// One exec's worth of facts.
struct Image {
  uint32_t exec_id = 0;
  uint64_t exec_time_ns = 0;  // CLOCK_BOOTTIME
  std::string comm;           // at most 15 bytes
  std::string exepath;        // the kernel's path, " (deleted)" stripped
  std::string filename;       // as the caller gave it
  std::string interp;         // of a script: its interpreter, as the script names it
  std::vector<std::string> argv;
  std::string args;  // argv[1..] joined by blanks
  std::string env;   // NUL separated; empty unless some rule asks for it
  uint32_t argv_size = 0;
  bool argv_cut = false;
  uint64_t exe_ino = 0, exe_ino_ctime = 0, exe_ino_mtime = 0;
  uint32_t exe_dev = 0;
  uint32_t exe_flags = 0;  // EXE_*
  std::array<Stdio, 3> stdio;

  [[nodiscard]] std::string_view exe() const { return argv.empty() ? std::string_view() : argv.front(); }
  [[nodiscard]] std::string cmdline() const { return args.empty() ? comm : comm + " " + args; }
};

struct Namespaces {
  uint32_t mnt = 0, pid = 0, net = 0, user = 0, uts = 0, ipc = 0, cgroup = 0;
};

struct Process {
  ProcessKey key;
  std::shared_ptr<const Image> image;                     // the current one
  std::vector<std::shared_ptr<const Image>> past_images;  // newest last; few: for records that were on their way
  std::shared_ptr<Process> parent;                        // Falco's: the reaper, once the parent is gone
  uint32_t vpid = 0, sid = 0, pgid = 0, vsid = 0, vpgid = 0;
  uint32_t tty = 0;
  uint32_t loginuid = UINT32_MAX;
  uint32_t uid = 0, euid = 0, gid = 0, egid = 0;
  uint64_t cap_inheritable = 0, cap_permitted = 0, cap_effective = 0;
  Namespaces ns;
  usage_part usage{};   // as of its creation, its last exec or what told of it since
  std::string cgroups;  // "controller=path", NUL separated; empty unless some rule asks for it
  std::string cwd;
  uint64_t cgroup_id = 0;
  std::shared_ptr<KnownContainer> container;  // nullptr, or without facts: on the host
  uint64_t exit_time_ns = 0;                  // 0: alive
  ProcessKey reaper;                          // who took the children, once it ended
  bool uncertain = false;                     // rebuilt after a loss or from /proc: some facts may be later ones
};

}  // namespace tiercel::context
