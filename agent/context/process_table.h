// ProcessTable: every process by (pid, start_boottime), bounded. Fed with records in the order in which the merged
// rings give them; deciding thread only.
//
// An ended process stays for a grace period, since records that it made may still be on their way, and as long as a
// living child names it as parent.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "agent/base/metrics.h"
#include "agent/context/process.h"
#include "decoders/record.h"

namespace tiercel::context {

class ProcessTable {
 public:
  struct Limits {
    size_t processes_max = 65'536;
    uint64_t grace_ns = 500'000'000;  // far beyond what the merge of the rings may put out of order
  };
  ProcessTable(Limits limits, Containers& containers, Metrics& metrics);

  // State first, rules after: call for every record before it is judged.
  void apply(const decoders::Record& record);

  // The process that made the record, made from the record's head (and marked uncertain) if it was never announced.
  std::shared_ptr<Process> of(const ev_head& head);
  [[nodiscard]] std::shared_ptr<Process> find(ProcessKey key) const;
  // The image that made the record; nullptr if none is known.
  [[nodiscard]] static std::shared_ptr<const Image> image_of(const Process& process, uint32_t exec_id);
  // The parent as Falco has it: the reaper once the parent is gone.
  static const std::shared_ptr<Process>& parent_of(Process& process, const ProcessTable& table);
  // The living (or latest) process with that pid; for group and session leaders.
  [[nodiscard]] std::shared_ptr<Process> by_pid(uint32_t pid) const;
  // By its number in that pid namespace (inode number).
  [[nodiscard]] std::shared_ptr<Process> by_vpid(uint32_t pid_ns, uint32_t vpid) const;

  // After a loss, what the task iterator tells is newer than what is known: call heal_begin(), apply() for each of its
  // records, heal_end(). What was missed is put right and marked uncertain; who is gone counts as ended now, unless the
  // iterator did not get to its end (complete: false). Pid 1 cannot end, and some kernels do not show it.
  void heal_begin(uint64_t now_ns);
  void heal_end(uint64_t now_ns, bool complete = true);

  [[nodiscard]] size_t size() const { return by_key_.size(); }
  void each(const std::function<void(const Process&)>& take) const {
    for (const auto& [key, process] : by_key_) take(*process);
  }
  [[nodiscard]] Containers& containers() const { return containers_; }
  // Fills what a stub lacks (exe, cwd, argv) from /proc; injected so that tests and replay do without.
  using Healer = std::function<void(Process&)>;
  void set_healer(Healer healer) { healer_ = std::move(healer); }

 private:
  static uint64_t vpid_key(uint32_t pid_ns, uint32_t vpid) { return uint64_t{pid_ns} << 32 | vpid; }
  void note_vpid(const std::shared_ptr<Process>& process);
  void apply_call(const decoders::Record& record, const ev_call& call);
  void apply_head(const ev_head& head);
  bool heal(const decoders::Record& record, const ev_exec& exec, Process& process);
  void apply_fork(const decoders::Record& record, const ev_fork& fork);
  void apply_exec(const decoders::Record& record, const ev_exec& exec);
  void apply_exit(const ev_exit& exit);
  void set_identity(Process& process, const decoders::Record& record, const ev_exec& exec);
  std::shared_ptr<Process> insert(ProcessKey key);
  std::shared_ptr<Process> find_or_make(ProcessKey key);
  void expire(uint64_t now_ns);
  void forget_oldest_ended();
  void forget(ProcessKey key);  // its numbers go with the last reference: a caller that holds one would keep them

  Limits limits_;
  Containers& containers_;
  Counter& stubs_;
  Counter& evicted_;
  Counter& healed_;
  Healer healer_;
  std::unordered_map<ProcessKey, std::shared_ptr<Process>, ProcessKeyHash> by_key_;
  mutable std::shared_ptr<Process> last_found_;  // events of one process come in rows, and each asks more than once
  std::unordered_map<uint32_t, std::weak_ptr<Process>> by_pid_;
  std::unordered_map<uint64_t, std::weak_ptr<Process>> by_vpid_;  // only of pid namespaces other than the root's
  bool healing_ = false;
  uint64_t heal_began_ns_ = 0;
  std::unordered_set<ProcessKey, ProcessKeyHash> alive_;  // seen while healing
  std::deque<std::pair<uint64_t, ProcessKey>> ended_;     // exit time, key
};

}  // namespace tiercel::context
