// Processes, trees of them and containers: signals, and the stop for forensics.
#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/response/deeds.h"
#include "agent/response/freeze.h"
#include "agent/response/members.h"
#include "agent/response/proc.h"

namespace tiercel::response {
namespace {

constexpr int kRoundsMax = 200;
constexpr int kRoundMs = 1;
constexpr size_t kTreeMax = 10'000;

std::string signal_name(const Order& order) {
  if (order.act == Act::kKill) return "SIGKILL";
  const char* name = ::sigabbrev_np(order.signal);
  return name ? std::string("SIG") + name : std::to_string(order.signal);
}

int signal_of(const Order& order) {
  return order.act == Act::kKill ? SIGKILL : order.signal;
}

std::optional<Held> hold_target(const Order& order, const DeedContext& context, Deed& deed) {
  return hold_process(order.pid, order.start_ns, context.start_time_of, context.why(), deed);
}

bool is_stopped(const Held& held) {
  const auto stat = proc_stat(held.pid);
  return !stat || std::strchr("TtZX", stat->state) != nullptr || has_ended(held.pidfd);
}

// One look at all processes: children of those that are held.
bool hold_children(std::vector<Held>& tree, const DeedContext& context, size_t& left_out,
                   std::vector<int32_t>& passed) {
  bool found = false;
  for (const int32_t pid : all_pids()) {
    auto is_pid = [pid](const Held& held) { return held.pid == pid && !has_ended(held.pidfd); };
    if (tree.size() >= kTreeMax || std::any_of(tree.begin(), tree.end(), is_pid)) continue;
    if (std::find(passed.begin(), passed.end(), pid) != passed.end()) continue;
    auto stat = proc_stat(pid);
    if (!stat) continue;
    const auto parent =
        std::find_if(tree.begin(), tree.end(), [&](const Held& held) { return held.pid == stat->ppid; });
    if (parent == tree.end()) continue;
    Held child{pid, 0, stat->name, open_process(pid)};
    stat = proc_stat(pid);  // of what the pidfd means, or of nobody that a signal could reach
    if (!child.pidfd.valid() || !stat || stat->ppid != parent->pid || has_ended(parent->pidfd)) continue;
    if (!context.protection.why(pid).empty()) {
      passed.push_back(pid);
      ++left_out;
      continue;
    }
    if (!send_signal(child.pidfd, SIGSTOP)) continue;
    if (const auto start_ns = context.start_time_of(pid); start_ns) child.start_ns = *start_ns;
    tree.push_back(std::move(child));
    found = true;
  }
  return found;
}

std::string many(size_t count, const std::string& first, size_t left_out) {
  std::string text = count == 1 ? first : fmt::format("{} and {} of its descendants", first, count - 1);
  if (left_out > 0) text += fmt::format(" ({} protected ones were left alone)", left_out);
  return text;
}

Deed suspend_container(const Order& order, const DeedContext& context) {
  Deed deed;
  const std::vector<int32_t> members = container_members(order, context, deed);
  if (members.empty()) return deed;
  Membership membership(order.container_id, context.containers);
  Undo undo;
  undo.act = Act::kSuspend;
  undo.freezers = freezer_files(membership, members);
  const std::string what = order.container_name.empty() ? order.container_id : order.container_name;
  if (undo.freezers.empty()) return failed("container " + what + " has no cgroup with a freezer");
  if (!context.go()) return done(fmt::format("would suspend container {}", what));
  if (auto kept = context.keep(undo); !kept) return failed(kept.error().message);
  size_t frozen = 0;
  std::string why;
  for (const std::string& file : undo.freezers) {
    auto set = set_frozen(file, true);
    frozen += set ? 1 : 0;
    if (!set) why = set.error().message;
  }
  if (frozen == 0) return failed(why);
  context.acted();
  return done(fmt::format("suspended container {}", what));
}

}  // namespace

std::vector<int32_t> container_members(const Order& order, const DeedContext& context, Deed& deed) {
  if (order.container_id.empty()) {
    deed = refused("the event is of no container: the host is not touched as a whole");
    return {};
  }
  Membership membership(order.container_id, context.containers);
  std::vector<int32_t> members = membership.members();
  if (members.empty())
    deed = refused(membership.saw_the_name()
                       ? "no record of root's runtimes names that container's cgroup: anybody may have chosen its name"
                       : fmt::format("no process is in the container {}", order.container_id));
  for (const int32_t pid : members) {
    const std::string why = context.protection.why(pid);
    if (why.empty()) continue;
    deed = refused(fmt::format("process {} is in the container: {}", pid, why));
    return {};
  }
  return members;
}

Deed kill_or_signal(const Order& order, const DeedContext& context) {
  Deed deed;
  const auto held = hold_target(order, context, deed);
  if (!held) return deed;
  const std::string what = process_text(held->name, held->pid);
  if (!context.go()) return done(fmt::format("would send {} to {}", signal_name(order), what));
  if (!send_signal(held->pidfd, signal_of(order))) {
    if (errno == ESRCH) return refused(fmt::format("process {} has ended already", held->pid));
    return failed(fail_errno("cannot signal " + what, errno).value().message);
  }
  context.acted();
  return done(fmt::format("sent {} to {}", signal_name(order), what));
}

std::vector<Held> hold_tree(Held target, const DeedContext& context, size_t& left_out) {
  std::vector<Held> tree;
  std::vector<int32_t> passed;
  (void)send_signal(target.pidfd, SIGSTOP);
  context.acted();
  tree.push_back(std::move(target));
  for (int round = 0; round < kRoundsMax; ++round) {
    const bool all_stood = std::all_of(tree.begin(), tree.end(), is_stopped);
    if (!hold_children(tree, context, left_out, passed) && all_stood) break;
    ::poll(nullptr, 0, kRoundMs);
  }
  return tree;
}

Deed kill_or_signal_tree(const Order& order, const DeedContext& context) {
  Deed deed;
  auto held = hold_target(order, context, deed);
  if (!held) return deed;
  const std::string first = process_text(held->name, held->pid);
  if (!context.go()) return done(fmt::format("would send {} to {} and its descendants", signal_name(order), first));
  size_t left_out = 0;
  const std::vector<Held> tree = hold_tree(std::move(*held), context, left_out);
  const int signal = signal_of(order);
  for (const Held& one : tree) (void)send_signal(one.pidfd, signal);
  if (signal != SIGKILL && signal != SIGSTOP)
    for (const Held& one : tree) (void)send_signal(one.pidfd, SIGCONT);
  return done(fmt::format("sent {} to {}", signal_name(order), many(tree.size(), first, left_out)));
}

Deed kill_a_container(const Order& order, const DeedContext& context) {
  Deed deed;
  const std::vector<int32_t> members = container_members(order, context, deed);
  if (members.empty()) return deed;
  if (!context.go())
    return done(fmt::format("would kill {} processes of container {}", members.size(),
                            order.container_name.empty() ? order.container_id : order.container_name));
  Cause cause;
  cause.container_id = order.container_id;
  cause.container_name = order.container_name;
  ContainerKill options = context.containers;
  options.why_protected = context.why();
  context.acted();
  return kill_container(cause, options);
}

Deed suspend(const Order& order, const DeedContext& context) {
  if (order.reach == Reach::kContainer) return suspend_container(order, context);
  Deed deed;
  auto held = hold_target(order, context, deed);
  if (!held) return deed;
  const std::string first = process_text(held->name, held->pid);
  const bool tree = order.reach == Reach::kTree;
  if (!context.go()) return done(fmt::format("would suspend {}{}", first, tree ? " and its descendants" : ""));
  Undo undo;
  undo.act = Act::kSuspend;
  undo.processes = {{held->pid, held->start_ns}};
  if (auto kept = context.keep(undo); !kept) return failed(kept.error().message);
  if (!tree) {
    if (!send_signal(held->pidfd, SIGSTOP)) return failed(fail_errno("cannot stop " + first, errno).value().message);
    context.acted();
    return done("suspended " + first);
  }
  size_t left_out = 0;
  undo.processes.clear();
  const std::vector<Held> all = hold_tree(std::move(*held), context, left_out);
  for (const Held& one : all)
    if (one.start_ns != 0) undo.processes.emplace_back(one.pid, one.start_ns);
  if (auto kept = context.keep(undo); !kept)
    return done(fmt::format("suspended {}, but {}", many(all.size(), first, left_out), kept.error().message));
  return done("suspended " + many(all.size(), first, left_out));
}

}  // namespace tiercel::response
