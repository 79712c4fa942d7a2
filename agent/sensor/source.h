// Source: where records come from: the kernel (bpf_source.h) or a recording (replay_source.h). It moves bytes and does
// not read them beyond the time in their head. One thread: the deciding one; counts() and ring_fills() may be called
// from any, widen() and narrow() from one other; know_container() and protect() from any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/sensor/kernel_responses.h"
#include "agent/sensor/map_guard.h"
#include "bpf/schema/event.h"
#include "bpf/schema/push.h"

namespace tiercel::sensor {

// The bytes die when the handler returns.
using RecordHandler = std::function<void(std::span<const std::byte>)>;

// What happened to records before user space saw them, since the start. Index: enum ev_type.
struct KernelCount {
  uint64_t sent = 0;
  uint64_t lost_ring = 0;     // ring buffer full
  uint64_t lost_scratch = 0;  // programs nested deeper than there is scratch
  uint64_t held_back = 0;     // a cgroup that floods had used up its budget
  uint64_t filtered = 0;      // left out, since no rule needs them: neither sent nor lost
};
using KernelCounts = std::vector<KernelCount>;

// A program that runs, as rules see it: what proc.exepath and proc.name say. Both are known, and the path begins with
// /.
struct RunningProgram {
  uint32_t pid = 0;  // in the root namespace
  uint64_t start_ns = 0;
  uint32_t exec_id = 0;
  std::string_view exepath, name;
};

// Makes the set when it is put in force: a megabyte that nobody keeps.
using PushMaker = std::function<std::unique_ptr<push_set>()>;

// What the active rules ask of the kernel. What the agent itself needs (process state) is always there.
struct Wanted {
  std::vector<uint16_t> events;  // enum ev_type
  std::vector<uint16_t> state;   // watched for what the kernel side remembers of them, and not told
  bool env = false;              // the environment of programs
  bool threads = false;          // the making of threads
  bool cgroups = false;          // the paths of all controllers
  bool stdio = false;            // what descriptors 0, 1 and 2 are when a program starts
  bool roles = false;            // who began with a socket, told by other events than connect and accept
  // What the kernel does by itself when a program starts in a container (docs/kernel-kill.md). Those that do not fit
  // are left to user space: in_force() says which are not.
  std::vector<KernelResponse> responses;
  // Which events the kernel leaves out, since no rule is satisfied by them; nothing: none.
  PushMaker push;
};

// Losses of one event type in one cgroup; cgroup 0: of cgroups that found no place in the kernel's table.
struct CgroupLoss {
  uint64_t cgroup_id = 0;
  uint16_t type = 0;       // enum ev_type
  uint64_t lost = 0;       // in all
  uint64_t held_back = 0;  // of these, because the cgroup had used up its budget
};

// A program at its hook, as the kernel has it now. The ids are 0 where it has it no more: somebody took it away.
struct AttachedHook {
  uint16_t type = 0;     // enum ev_type; 0: of processes and cgroups, or within calls
  std::string program;   // its name in the object
  std::string_view how;  // "tracepoint", "function", ...
  uint32_t link_id = 0, program_id = 0;
  uint64_t tag = 0;     // of its instructions
  uint64_t missed = 0;  // runs that the kernel left out, since the program was already running there
};

// How much of a ring is waiting to be read, right now.
struct RingFill {
  std::string_view name;
  uint64_t used_bytes = 0, size_bytes = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  // Attaches, then gives every process that is there (events task and cgroup) to the handler, before anything else.
  virtual Result<> start(const RecordHandler& handler) = 0;
  // Gives what has come to the handler, oldest first over all rings, at most `most` records. Returns how many.
  virtual size_t drain(const RecordHandler& handler, size_t most) = 0;
  // When rules change: widen() before the new set judges, narrow() after it has begun to. widen() attaches what is
  // wanted and was not attached, takes back the kernel's own responses if others are wanted, and touches nothing else;
  // when it fails, narrow() to what was wanted before takes back what it did. Each may take tens of milliseconds. True:
  // current directories were not followed until now, and look_again() must tell of them.
  virtual Result<bool> widen(const Wanted& wanted) {
    (void)wanted;
    return false;
  }
  virtual void narrow(const Wanted& wanted) { (void)wanted; }
  // Gives every process that is there to the handler once more (event task).
  virtual Result<> look_again(const RecordHandler& handler) {
    (void)handler;
    return {};
  }
  // Are there programs that run of which the kernel is to be told? It came to be so when rules came into force.
  [[nodiscard]] virtual bool asks_for_programs() const { return false; }
  virtual void tell_programs(std::span<const RunningProgram> programs) { (void)programs; }
  // Gives what each thread has used of CPUs so far to `handler` (event cpu_time), and what comes meanwhile to `others`.
  // Only where EVT_procinfo is wanted.
  virtual Result<> look_at_cpus(const RecordHandler& handler, const RecordHandler& others) {
    (void)handler, (void)others;
    return {};
  }
  // No new records from here on; drain() then ends.
  virtual void detach() {}
  // Descriptors that become readable when there is something to drain.
  [[nodiscard]] virtual std::vector<int> wait_fds() const = 0;
  // How long the reader may sleep after a drain that gave `handled` records: -1 until a wait_fd is readable, else so
  // many milliseconds at most. Called just before the wait.
  virtual int wait_ms(size_t handled) {
    (void)handled;
    return -1;
  }
  // True when nothing will come any more (end of a recording).
  [[nodiscard]] virtual bool finished() const { return false; }
  // How much of a recording was read. Zeros: there is no end to it.
  struct Progress {
    uint64_t read_bytes = 0, of_bytes = 0;
  };
  [[nodiscard]] virtual Progress progress() const { return {}; }
  [[nodiscard]] virtual KernelCounts counts() const { return {}; }
  // The same losses by cgroup, since the start; empty when nothing was lost.
  [[nodiscard]] virtual std::vector<CgroupLoss> cgroup_losses() const { return {}; }
  // Will the kernel tell of that cgroup's end? One that it was not told of, or has forgotten, is announced again.
  [[nodiscard]] virtual bool knows_cgroup(uint64_t cgroup_id) const {
    (void)cgroup_id;
    return true;
  }
  // Every hook that should be there. Any thread; asks the kernel some hundred times.
  [[nodiscard]] virtual std::vector<AttachedHook> attached() const { return {}; }
  // How it attaches (way.h); empty: not at all.
  [[nodiscard]] virtual std::string_view way() const { return {}; }
  // How old the oldest record was when the reader came to it, at most, since the last call: a reader that is kept away
  // for longer than the rings last is why records are lost.
  virtual uint64_t take_longest_lag_ns() { return 0; }
  // The kernel's own responses act in cgroups that were told of as containers' only. Cheap.
  virtual void know_container(uint64_t cgroup_id, bool is_one) { (void)cgroup_id, (void)is_one; }
  // A process that no response of the kernel's touches, nor its descendants where that is asked; for as long as the
  // source lives. The agent and its descendants are.
  virtual void protect(uint32_t pid, bool descendants) { (void)pid, (void)descendants; }
  // Is a response of Wanted in force in the kernel, by its id?
  [[nodiscard]] virtual bool in_force(uint64_t id) const {
    (void)id;
    return false;
  }
  // What the kernel did for that response when an image of that process began (ev_head of its start): nothing if its
  // condition did not hold.
  [[nodiscard]] virtual std::optional<KernelDeed> kernel_deed(uint64_t id, uint32_t pid, uint64_t start_ns,
                                                              uint32_t exec_id) const {
    (void)id, (void)pid, (void)start_ns, (void)exec_id;
    return std::nullopt;
  }
  // Of both rings; size 0: there is none. Cheap, after start().
  [[nodiscard]] virtual std::array<RingFill, 2> ring_fills() const { return {}; }
  // What somebody else wrote into the programs' maps, put right where that could be done; any thread.
  virtual std::vector<MapGuard::Finding> mend_maps() { return {}; }
  // Bytes of ring buffer memory.
  [[nodiscard]] virtual size_t ring_bytes() const { return 0; }
};

}  // namespace tiercel::sensor
