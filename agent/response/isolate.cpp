// A network namespace is cut off by a table of our own in it, table inet tiercel_isolated, that drops all but loopback.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "agent/response/child.h"
#include "agent/response/deeds.h"
#include "agent/response/proc.h"

namespace tiercel::response {
namespace {

constexpr int kNftLimitMs = 20'000;
constexpr const char* kCut =
    "add table inet tiercel_isolated\n"
    "add chain inet tiercel_isolated input { type filter hook input priority -400; policy drop; }\n"
    "add chain inet tiercel_isolated forward { type filter hook forward priority -400; policy drop; }\n"
    "add chain inet tiercel_isolated output { type filter hook output priority -400; policy drop; }\n"
    "flush chain inet tiercel_isolated input\n"
    "flush chain inet tiercel_isolated output\n"
    "add rule inet tiercel_isolated input iifname \"lo\" accept\n"
    "add rule inet tiercel_isolated output oifname \"lo\" accept\n";
constexpr const char* kJoin =
    "add table inet tiercel_isolated\n"
    "delete table inet tiercel_isolated\n";

std::string net_of(const std::string& pid) {
  return "/proc/" + pid + "/ns/net";
}

uint64_t inode_of(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
}

bool is_kernels(int32_t pid) {
  const auto stat = proc_stat(pid);
  return stat && stat->kernel_thread;
}

// The host's own network is never cut off. Where it cannot be told which one that is (pid 1 and the kernel's own
// threads cannot be looked at), none is.
std::string why_not(uint64_t net_ns) {
  const uint64_t own = inode_of(net_of("self"));
  const uint64_t init = inode_of(net_of("1")), kernel = is_kernels(2) ? inode_of(net_of("2")) : 0;
  if (own == 0 || (init == 0 && kernel == 0)) return "which network is the host's cannot be told, so none is cut off";
  if (net_ns == own || net_ns == init || net_ns == kernel)
    return "it is in the host's own network, which is not cut off: `block` an address instead";
  return {};
}

// nft in another network.
Deed nft_within(const Fd& net, const std::string& script, const std::string& what) {
  const std::string nft = find_tool("nft");
  if (nft.empty()) return failed("nft is not installed: install the package nftables");
  const auto ran = run_tool(nft, {"-f", "-"}, script, kNftLimitMs, net.get());
  if (!ran) return failed(ran.error().message);
  if (ran->exit_status != 0)
    return failed(
        fmt::format("nft ended with status {}: {}", ran->exit_status, ran->output.substr(0, ran->output.find('\n'))));
  return done(what);
}

}  // namespace

Deed isolate(const Order& order, const DeedContext& context) {
  Deed deed;
  Fd net;
  std::string what;
  if (order.reach == Reach::kContainer) {
    const std::vector<int32_t> members = container_members(order, context, deed);
    if (members.empty()) return deed;
    net.reset(::open(net_of(std::to_string(members.front())).c_str(), O_RDONLY | O_CLOEXEC));
    what = "container " + (order.container_name.empty() ? order.container_id : order.container_name);
    Deed gone;  // opened while it was the container's? Its processes are looked at anew
    if (container_members(order, context, gone).empty()) return gone;
  } else {
    const auto held = hold_process(order.pid, order.start_ns, context.start_time_of, context.why(), deed);
    if (!held) return deed;
    net.reset(::open(net_of(std::to_string(held->pid)).c_str(), O_RDONLY | O_CLOEXEC));
    if (has_ended(held->pidfd)) return refused(fmt::format("process {} has ended already", held->pid));
    what = process_text(held->name, held->pid);
  }
  struct stat st {};
  if (!net.valid() || ::fstat(net.get(), &st) != 0) return failed("cannot open its network namespace");
  if (const std::string why = why_not(st.st_ino); !why.empty()) return refused(what + ": " + why);
  if (!context.go()) return done("would cut " + what + " off the network");
  Undo undo;
  undo.act = Act::kIsolate;
  undo.net_ns = st.st_ino;
  if (auto kept = context.keep(undo); !kept) return failed(kept.error().message);
  deed = nft_within(net, kCut, "cut " + what + " off the network");
  if (deed.result == "done") context.acted();
  return deed;
}

Deed undo_isolate(const Undo& undo) {
  for (const int32_t pid : all_pids()) {
    const Fd net(::open(net_of(std::to_string(pid)).c_str(), O_RDONLY | O_CLOEXEC));
    struct stat st {};
    if (net.valid() && ::fstat(net.get(), &st) == 0 && st.st_ino == undo.net_ns)
      return nft_within(net, kJoin, "the network namespace is no longer cut off");
  }
  return done("no process is in that network namespace any more");
}

}  // namespace tiercel::response
