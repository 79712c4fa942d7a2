#include "agent/context/process_table.h"

#include <algorithm>

#include "agent/context/image.h"

namespace tiercel::context {
namespace {

// Records of an image may arrive after the exec that replaced it; a handful of images covers any burst.
constexpr size_t kPastImagesMax = 8;
constexpr size_t kReaperHopsMax = 8;

}  // namespace

ProcessTable::ProcessTable(Limits limits, Containers& containers, Metrics& metrics)
    : limits_(limits),
      containers_(containers),
      stubs_(metrics.counter("tiercel_processes_unannounced_total",
                             "Processes that were met before any record announced them, and rebuilt")),
      evicted_(metrics.counter("tiercel_processes_evicted_total",
                               "Processes forgotten while alive, because the table was full")) {}

void ProcessTable::apply(const decoders::Record& record) {
  if (const auto* fork = record.as<ev_fork>()) {
    apply_fork(record, *fork);
  } else if (const auto* exec = record.as<ev_exec>()) {
    if (exec->res >= 0) apply_exec(record, *exec);
  } else if (const auto* exit = record.as<ev_exit>()) {
    apply_exit(*exit);
  } else if (const auto* chdir = record.as<ev_chdir>()) {
    if (chdir->res >= 0 && chdir->cwd.len > 0) of(record.head())->cwd = record.text(chdir->cwd);
  }
  const ev_head& head = record.head();
  if (!(head.flags & EVF_THREAD)) {
    // Credentials travel with every record, so a change between execs is seen at the first record after it.
    auto process = of(head);
    process->uid = head.uid;
    process->euid = head.euid;
    process->gid = head.gid;
    process->egid = head.egid;
    if (process->cgroup_id != head.cgroup_id) {
      process->cgroup_id = head.cgroup_id;
      process->container = containers_.of_cgroup(head.cgroup_id);
    }
  }
  expire(head.time_ns);
}

std::shared_ptr<Process> ProcessTable::insert(ProcessKey key) {
  if (by_key_.size() >= limits_.processes_max && !ended_.empty()) {
    by_key_.erase(ended_.front().second);
    ended_.pop_front();
  }
  if (by_key_.size() >= limits_.processes_max) {
    evicted_.add();
    by_key_.erase(by_key_.begin());
  }
  auto process = std::make_shared<Process>();
  process->key = key;
  by_key_[key] = process;
  by_pid_[key.pid] = process;
  return process;
}

std::shared_ptr<Process> ProcessTable::find(ProcessKey key) const {
  auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : it->second;
}

std::shared_ptr<Process> ProcessTable::by_pid(uint32_t pid) const {
  auto it = by_pid_.find(pid);
  return it == by_pid_.end() ? nullptr : it->second.lock();
}

std::shared_ptr<Process> ProcessTable::of(const ev_head& head) {
  if (auto known = find({head.pid, head.start_ns})) return known;
  stubs_.add();
  auto process = insert({head.pid, head.start_ns});
  auto image = std::make_shared<Image>();
  image->exec_id = head.exec_id;
  image->comm = comm_of(head);
  process->image = std::move(image);
  process->uncertain = true;
  process->uid = head.uid;
  process->euid = head.euid;
  process->gid = head.gid;
  process->egid = head.egid;
  process->ns.mnt = head.mnt_ns;
  process->ns.pid = head.pid_ns;
  process->cgroup_id = head.cgroup_id;
  process->container = containers_.of_cgroup(head.cgroup_id);
  if (healer_) healer_(*process);
  return process;
}

std::shared_ptr<const Image> ProcessTable::image_of(const Process& process, uint32_t exec_id) {
  if (process.image && process.image->exec_id == exec_id) return process.image;
  for (auto it = process.past_images.rbegin(); it != process.past_images.rend(); ++it)
    if ((*it)->exec_id == exec_id) return *it;
  return process.image;
}

std::shared_ptr<Process> ProcessTable::parent_of(Process& process, const ProcessTable& table) {
  for (size_t hop = 0; hop < kReaperHopsMax && process.parent && process.parent->exit_time_ns != 0; ++hop)
    process.parent = table.find(process.parent->reaper);
  return process.parent;
}

void ProcessTable::apply_fork(const decoders::Record& record, const ev_fork& fork) {
  if (fork.child_pid == record.head().pid) return;  // a thread
  auto parent = of(record.head());
  parent_of(*parent, *this);
  const ProcessKey key{fork.child_pid, fork.child_start_ns};
  auto child = find(key);
  if (child && !child->uncertain) return;  // the snapshot or its own exec came first
  if (!child) child = insert(key);
  const uint64_t cgroup_id = fork.child_cgroup_id;
  *child = *parent;
  child->key = key;
  child->past_images.clear();
  child->image = image_of(*parent, fork.child_exec_id);
  child->parent = parent;
  child->exit_time_ns = 0;
  child->reaper = {};
  child->vpid = fork.child_vpid;
  child->ns.pid = fork.child_pid_ns;
  child->cgroup_id = cgroup_id;
  child->container = containers_.of_cgroup(cgroup_id);
}

void ProcessTable::set_identity(Process& process, const decoders::Record& record, const ev_exec& exec) {
  const ev_head& head = exec.head;
  process.vpid = exec.vpid;
  process.sid = exec.sid;
  process.pgid = exec.pgid;
  process.vsid = exec.vsid;
  process.vpgid = exec.vpgid;
  process.tty = exec.tty;
  process.loginuid = exec.loginuid;
  process.uid = head.uid;
  process.euid = head.euid;
  process.gid = head.gid;
  process.egid = head.egid;
  process.cap_inheritable = exec.cap_inheritable;
  process.cap_permitted = exec.cap_permitted;
  process.cap_effective = exec.cap_effective;
  process.ns = {head.mnt_ns, head.pid_ns, exec.net_ns, exec.user_ns, exec.uts_ns, exec.ipc_ns, exec.cgroup_ns};
  process.cwd = record.text(exec.cwd);
  process.cgroup_id = head.cgroup_id;
  process.container = containers_.of_cgroup(head.cgroup_id);
  process.uncertain = false;
  if (auto parent = find({exec.ptid, exec.parent_start_ns}); parent && parent->key != process.key)
    process.parent = std::move(parent);
}

void ProcessTable::apply_exec(const decoders::Record& record, const ev_exec& exec) {
  const ev_head& head = exec.head;
  const bool snapshot = head.flags & EVF_SNAPSHOT;
  auto process = find({head.pid, head.start_ns});
  // A snapshot is older news than anything that a hook has said of the same process.
  if (snapshot && process && !process->uncertain) return;
  if (!process) process = insert({head.pid, head.start_ns});
  auto image = make_image(record, exec);
  if (process->image && !snapshot) {
    process->past_images.push_back(std::move(process->image));
    if (process->past_images.size() > kPastImagesMax) process->past_images.erase(process->past_images.begin());
  }
  process->image = std::move(image);
  set_identity(*process, record, exec);
  if (snapshot && healer_) healer_(*process);
}

void ProcessTable::apply_exit(const ev_exit& exit) {
  auto process = of(exit.head);
  if (process->exit_time_ns != 0) return;
  process->exit_time_ns = exit.head.time_ns;
  process->reaper = {exit.reaper_tid, exit.reaper_start_ns};
  ended_.emplace_back(exit.head.time_ns, process->key);
}

void ProcessTable::expire(uint64_t now_ns) {
  while (!ended_.empty() && now_ns > ended_.front().first + limits_.grace_ns) {
    const ProcessKey key = ended_.front().second;
    ended_.pop_front();
    by_key_.erase(key);
    if (auto it = by_pid_.find(key.pid); it != by_pid_.end() && it->second.expired()) by_pid_.erase(it);
  }
}

}  // namespace tiercel::context
