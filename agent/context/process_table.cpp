#include "agent/context/process_table.h"

#include <algorithm>

#include "agent/context/image.h"

namespace tiercel::context {
namespace {

// Records of an image may arrive after the exec that replaced it; a handful of images covers any burst.
constexpr size_t kPastImagesMax = 8;
constexpr size_t kReaperHopsMax = 8;
constexpr uint32_t kRootPidNs = 0xEFFFFFFC;  // include/linux/proc_ns.h, PROC_PID_INIT_INO

void take_credentials(Process& process, const ev_head& head) {
  process.uid = head.uid;
  process.euid = head.euid;
  process.gid = head.gid;
  process.egid = head.egid;
  process.cap_inheritable = head.cap_inheritable;
  process.cap_permitted = head.cap_permitted;
  process.cap_effective = head.cap_effective;
  process.loginuid = head.loginuid;
  process.ns.mnt = head.mnt_ns;
  process.ns.pid = head.pid_ns;
}

// Numbers of processes that were forgotten while a child of theirs still held them.
template <class Map>
void drop_expired(Map& by_number) {
  std::erase_if(by_number, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace

ProcessTable::ProcessTable(Limits limits, Containers& containers, Metrics& metrics)
    : limits_(limits),
      containers_(containers),
      stubs_(metrics.counter("tiercel_processes_unannounced_total",
                             "Processes that were met before any record announced them, and rebuilt")),
      evicted_(metrics.counter("tiercel_processes_evicted_total",
                               "Processes forgotten while alive, because the table was full")),
      healed_(metrics.counter("tiercel_processes_healed_total",
                              "Processes whose creation, program or end was missed, put right after a loss")) {}

void ProcessTable::apply(const decoders::Record& record) {
  if (const auto* fork = record.as<ev_fork>()) {
    apply_fork(record, *fork);
  } else if (const auto* exec = record.as<ev_exec>()) {
    if (exec->res >= 0) apply_exec(record, *exec);
  } else if (const auto* exit = record.as<ev_exit>()) {
    apply_exit(*exit);
  } else if (const auto* chdir = record.as<ev_chdir>()) {
    if (chdir->res >= 0 && chdir->cwd.len > 0) of(record.head())->cwd = record.text(chdir->cwd);
  } else if (const auto* call = record.as<ev_call>()) {
    if (call->res >= 0) apply_call(record, *call);
  } else if (record.as<ev_memory>()) {
    of(record.head())->usage = *record.usage();
  }
  apply_head(record.head());
  expire(record.head().time_ns);
}

// Credentials travel with every record, so a change between execs is seen at the first record after it.
void ProcessTable::apply_head(const ev_head& head) {
  if (head.flags & EVF_THREAD) return;
  auto process = of(head);
  take_credentials(*process, head);
  if (process->cgroup_id == head.cgroup_id) return;
  process->cgroup_id = head.cgroup_id;
  process->container = containers_.of_cgroup(head.cgroup_id);
}

// setsid and setpgid: the calls that move a process between sessions and groups.
void ProcessTable::apply_call(const decoders::Record& record, const ev_call& call) {
  const ev_head& head = record.head();
  if (head.type == EVT_setsid) {
    auto process = of(head);
    process->sid = process->pgid = head.pid;
    process->vsid = process->vpgid = process->vpid;
    process->tty = 0;
  } else if (head.type == EVT_setpgid) {
    auto caller = of(head);
    const auto of_vpid = [&](uint32_t vpid) { return by_vpid(caller->ns.pid, vpid); };
    auto moved = static_cast<uint32_t>(call.a0) == 0 ? caller : of_vpid(static_cast<uint32_t>(call.a0));
    if (!moved) return;
    auto leader = static_cast<uint32_t>(call.a1) == 0 ? moved : of_vpid(static_cast<uint32_t>(call.a1));
    moved->vpgid = static_cast<uint32_t>(call.a1) == 0 ? moved->vpid : static_cast<uint32_t>(call.a1);
    if (leader) moved->pgid = leader->key.pid;
  }
}

std::shared_ptr<Process> ProcessTable::insert(ProcessKey key) {
  while (by_key_.size() >= limits_.processes_max && !ended_.empty()) forget_oldest_ended();
  if (by_key_.size() >= limits_.processes_max) {
    evicted_.add();
    forget(by_key_.begin()->first);
  }
  auto process = std::make_shared<Process>();
  process->key = key;
  by_key_[key] = process;
  if (by_pid_.size() >= 2 * limits_.processes_max) drop_expired(by_pid_);
  by_pid_[key.pid] = process;
  return process;
}

std::shared_ptr<Process> ProcessTable::find(ProcessKey key) const {
  if (last_found_ && last_found_->key == key) return last_found_;
  auto it = by_key_.find(key);
  if (it == by_key_.end()) return nullptr;
  last_found_ = it->second;
  return last_found_;
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
  take_credentials(*process, head);
  process->cgroup_id = head.cgroup_id;
  process->container = containers_.of_cgroup(head.cgroup_id);
  if (healer_) healer_(*process);
  return process;
}

// Somebody's parent or reaper, whom nothing announced: what /proc knows of it will do.
std::shared_ptr<Process> ProcessTable::find_or_make(ProcessKey key) {
  auto known = find(key);
  if (known || key.pid == 0 || !healer_) return known;
  stubs_.add();
  auto process = insert(key);
  auto image = std::make_shared<Image>();
  process->image = std::move(image);
  process->vpid = key.pid;
  process->ns.pid = kRootPidNs;
  process->uncertain = true;
  healer_(*process);
  return process;
}

std::shared_ptr<const Image> ProcessTable::image_of(const Process& process, uint32_t exec_id) {
  if (process.image && process.image->exec_id == exec_id) return process.image;
  for (auto it = process.past_images.rbegin(); it != process.past_images.rend(); ++it)
    if ((*it)->exec_id == exec_id) return *it;
  return process.image;
}

const std::shared_ptr<Process>& ProcessTable::parent_of(Process& process, const ProcessTable& table) {
  for (size_t hop = 0; hop < kReaperHopsMax && process.parent && process.parent->exit_time_ns != 0; ++hop)
    process.parent = table.find(process.parent->reaper);
  return process.parent;
}

void ProcessTable::apply_fork(const decoders::Record& record, const ev_fork& fork) {
  if (fork.res < 0 || fork.child_pid == record.head().pid) return;  // nothing was made, or a thread
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
  child->usage = *record.usage();
  parent->usage.fdlimit = child->usage.fdlimit;  // a copy has its original's
  child->cgroup_id = cgroup_id;
  child->container = containers_.of_cgroup(cgroup_id);
  note_vpid(child);
}

void ProcessTable::set_identity(Process& process, const decoders::Record& record, const ev_exec& exec) {
  const ev_head& head = exec.head;
  process.vpid = exec.vpid;
  process.sid = exec.sid;
  process.pgid = exec.pgid;
  process.vsid = exec.vsid;
  process.vpgid = exec.vpgid;
  process.tty = exec.tty;
  take_credentials(process, head);
  process.usage = *record.usage();
  if (exec.cgroups.len > 0) process.cgroups = record.text(exec.cgroups);
  process.ns = {head.mnt_ns, head.pid_ns, exec.net_ns, exec.user_ns, exec.uts_ns, exec.ipc_ns, exec.cgroup_ns};
  process.cwd = record.text(exec.cwd);
  process.cgroup_id = head.cgroup_id;
  process.container = containers_.of_cgroup(head.cgroup_id);
  process.uncertain = false;
  if (auto parent = find_or_make({exec.ptid, exec.parent_start_ns}); parent && parent->key != process.key)
    process.parent = std::move(parent);
}

void ProcessTable::apply_exec(const decoders::Record& record, const ev_exec& exec) {
  const ev_head& head = exec.head;
  const bool snapshot = head.flags & EVF_SNAPSHOT;
  auto process = find({head.pid, head.start_ns});
  // A snapshot is older news than anything that a hook has said of the same process.
  if (snapshot && healing_ && process && !heal(record, exec, *process)) return;
  if (snapshot && !healing_ && process && !process->uncertain) return;
  if (!process) process = insert({head.pid, head.start_ns});
  auto image = make_image(record, exec);
  if (process->image && (!snapshot || healing_)) {
    process->past_images.push_back(std::move(process->image));
    if (process->past_images.size() > kPastImagesMax) process->past_images.erase(process->past_images.begin());
  }
  process->image = std::move(image);
  set_identity(*process, record, exec);
  note_vpid(process);
  if (snapshot && healer_) healer_(*process);
  if (snapshot && healing_) {
    alive_.insert(process->key);
    process->uncertain = true;
    healed_.add();
  }
}

// True: a program was missed, and the iterator's word replaces what was known. A hook's word that is younger stands.
bool ProcessTable::heal(const decoders::Record& record, const ev_exec& exec, Process& process) {
  alive_.insert(process.key);
  if (process.exit_time_ns > exec.head.time_ns) return false;
  process.exit_time_ns = 0;
  if (!process.image || process.image->exec_id < exec.head.exec_id) return true;
  if (process.image->exec_id > exec.head.exec_id) return false;
  const bool uncertain = process.uncertain;
  set_identity(process, record, exec);
  process.uncertain = uncertain;
  return false;
}

void ProcessTable::heal_begin(uint64_t now_ns) {
  healing_ = true;
  heal_began_ns_ = now_ns;
  alive_.clear();
}

void ProcessTable::heal_end(uint64_t now_ns, bool complete) {
  healing_ = false;
  for (const auto& [key, process] : by_key_) {
    if (!complete || key.pid == 1) continue;
    if (process->exit_time_ns != 0 || key.start_ns > heal_began_ns_ || alive_.contains(key)) continue;
    process->exit_time_ns = now_ns;
    process->uncertain = true;
    ended_.emplace_back(now_ns, key);
    healed_.add();
  }
  alive_.clear();
}

void ProcessTable::note_vpid(const std::shared_ptr<Process>& process) {
  if (process->ns.pid == kRootPidNs || process->vpid == 0) return;
  if (by_vpid_.size() >= 2 * limits_.processes_max) drop_expired(by_vpid_);
  by_vpid_[vpid_key(process->ns.pid, process->vpid)] = process;
}

std::shared_ptr<Process> ProcessTable::by_vpid(uint32_t pid_ns, uint32_t vpid) const {
  if (pid_ns == kRootPidNs) return by_pid(vpid);
  auto it = by_vpid_.find(vpid_key(pid_ns, vpid));
  return it == by_vpid_.end() ? nullptr : it->second.lock();
}

void ProcessTable::apply_exit(const ev_exit& exit) {
  auto process = of(exit.head);
  if (process->exit_time_ns != 0) return;
  process->exit_time_ns = exit.head.time_ns;
  process->reaper = {exit.reaper_tid, exit.reaper_start_ns};
  find_or_make(process->reaper);
  ended_.emplace_back(exit.head.time_ns, process->key);
}

void ProcessTable::expire(uint64_t now_ns) {
  while (!ended_.empty() && now_ns > ended_.front().first + limits_.grace_ns) forget_oldest_ended();
}

// Not who turned out to live after all, or ended again since.
void ProcessTable::forget_oldest_ended() {
  const auto [time_ns, key] = ended_.front();
  ended_.pop_front();
  const auto it = by_key_.find(key);
  if (it != by_key_.end() && it->second->exit_time_ns == time_ns) forget(key);
}

void ProcessTable::forget(ProcessKey key) {
  uint64_t vpid = 0;
  if (auto process = find(key)) vpid = vpid_key(process->ns.pid, process->vpid);
  by_key_.erase(key);
  last_found_.reset();
  if (auto it = by_pid_.find(key.pid); it != by_pid_.end() && it->second.expired()) by_pid_.erase(it);
  if (auto it = by_vpid_.find(vpid); it != by_vpid_.end() && it->second.expired()) by_vpid_.erase(it);
}

}  // namespace tiercel::context
