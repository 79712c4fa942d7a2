// The local responses' deeds, each as a function that does it to the end: what is signalled, stopped, cut off, run or
// undone, and what became of it. engine.h decides whether and when. Any thread but the deciding one: they read /proc,
// wait for tools and write to the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/response/hold.h"
#include "agent/response/order.h"
#include "agent/response/protection.h"

namespace tiercel::response {

// What undoes a deed, as it is kept on the disk (pending.h, the message).
struct Undo {
  Act act = Act::kBlock;
  std::string address;                                  // kBlock
  std::vector<std::pair<int32_t, uint64_t>> processes;  // kSuspend: pid, start_ns
  std::vector<std::string> freezers;                    // kSuspend: files of cgroups
  uint64_t net_ns = 0;                                  // kIsolate: inode
  std::string folder;                                   // kQuarantine: where the file and its record are
};
[[nodiscard]] std::string undo_text(const Undo& undo);  // JSON
[[nodiscard]] Result<Undo> parse_undo(std::string_view json);

struct DeedContext {
  const Protection& protection;
  StartTimeOf start_time_of;
  ContainerKill containers = {};           // where runtimes' records are
  std::vector<std::string> managers = {};  // names or addresses that are never blocked
  std::string quarantine_folder = {};
  std::string log = {};  // standard error of programs that are run
  int stop_fd = -1;      // child.h
  const std::atomic<uint64_t>* stop_deadline_ns = nullptr;
  // Asked once, when all is looked at and nothing is done: false, it is not to be done (a dry run, or no budget), and
  // the deed says what it would have done.
  std::function<bool()> go = {};
  // Called before anything that needs an undo takes effect: keeps it on the disk. An error stops the deed.
  std::function<Result<>(const Undo& undo)> keep = {};
  // Called when the first signal, or the like, is sent.
  std::function<void()> acted = {};
  [[nodiscard]] WhyProtected why() const {
    return [this](int32_t pid) { return protection.why(pid); };
  }
};

[[nodiscard]] Deed kill_or_signal(const Order& order, const DeedContext& context);  // a process
[[nodiscard]] Deed kill_or_signal_tree(const Order& order, const DeedContext& context);
[[nodiscard]] Deed kill_a_container(const Order& order, const DeedContext& context);
[[nodiscard]] Deed suspend(const Order& order, const DeedContext& context);
[[nodiscard]] Deed isolate(const Order& order, const DeedContext& context);
[[nodiscard]] Deed block(const Order& order, const DeedContext& context);
[[nodiscard]] Deed quarantine(const Order& order, const DeedContext& context);
[[nodiscard]] Deed run_program(const Order& order, const DeedContext& context);

// done: it is as it was, or what it was about is gone.
[[nodiscard]] Deed undo(const Undo& undo, const DeedContext& context);
[[nodiscard]] Deed undo_isolate(const Undo& undo);
[[nodiscard]] Deed undo_quarantine(const Undo& undo, const DeedContext& context);

// A process and what descends from it, all stopped by SIGSTOP, the target first: so that none of them makes more.
// Protected descendants are left out. What has another parent by then (a daemon that left its parent) is not found.
[[nodiscard]] std::vector<Held> hold_tree(Held target, const DeedContext& context, size_t& left_out);

// The processes of the order's container that are there; empty: `deed` says why.
[[nodiscard]] std::vector<int32_t> container_members(const Order& order, const DeedContext& context, Deed& deed);

}  // namespace tiercel::response
