#include "agent/response/kill.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/response/freeze.h"
#include "agent/response/hold.h"
#include "agent/response/members.h"
#include "agent/response/proc.h"

namespace tiercel::response {
namespace {

constexpr int kEndWaitMs = 2'000;
constexpr int kRoundMs = 10;
const SystemClock kClock;

// All of a v2 cgroup at once, which no fork outruns. What it could not reach is killed one by one.
void kill_cgroups(Membership& membership, const std::vector<int32_t>& members) {
  const std::string mount = cgroup_mount("");
  if (mount.empty()) return;
  std::vector<std::string> killed;
  for (const int32_t pid : members) {
    const std::string path = v2_cgroup_path(pid);
    const std::string top = path.empty() || !membership.has(path) ? "" : membership.place_of(path).top;
    if (top.size() < 2 || std::find(killed.begin(), killed.end(), top) != killed.end()) continue;
    killed.push_back(top);
    const Fd file(::open((mount + top + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
    if (file.valid()) (void)write_all(file.get(), "1", 1);
  }
}

}  // namespace

Deed kill_process(const Cause& cause, const StartTimeOf& start_time_of) {
  if (!cause.pid || !cause.start_ns || *cause.start_ns == 0)
    return refused("the alert does not name one process: tiercel.proc.pid and tiercel.proc.start_ns are needed");
  const int32_t pid = *cause.pid;
  Deed deed;
  const auto held = hold_process(pid, *cause.start_ns, start_time_of, why_protected, deed);
  if (!held) return deed;
  const std::string name = process_text(held->name, pid);
  if (!send_signal(held->pidfd, SIGKILL)) {
    if (errno == ESRCH) return refused(fmt::format("process {} has ended already", pid));
    return failed(fail_errno("cannot kill " + name, errno).value().message);
  }
  if (!has_ended(held->pidfd, kEndWaitMs))
    return done(fmt::format("sent SIGKILL to {}, which has not ended yet", name));
  return done("killed " + name);
}

Deed kill_container(const Cause& cause, const ContainerKill& options) {
  const std::string& id = cause.container_id;
  if (id.empty()) return refused("the alert is about no container: tiercel.container.full_id is needed");
  const auto why = options.why_protected ? options.why_protected : WhyProtected(response::why_protected);
  Membership membership(id, options);
  std::vector<int32_t> members = membership.members();
  if (members.empty() && membership.saw_the_name())
    return refused(
        "no record of root's runtimes names that container's cgroup, so anybody may have chosen its name; the "
        "argument 'unverified' kills it all the same");
  if (members.empty()) return refused(fmt::format("no process is in the container {}", id));
  for (const int32_t pid : members)
    if (const std::string reason = why(pid); !reason.empty())
      return refused(fmt::format("process {} is in container {}: {}", pid, id, reason));
  kill_cgroups(membership, members);
  size_t killed = members.size();
  const uint64_t limit_ns = kClock.monotonic_ns() + static_cast<uint64_t>(options.time_limit_ms) * 1'000'000;
  for (bool first = true; !members.empty(); first = false) {
    for (const int32_t pid : members) {
      const Fd pidfd = open_process(pid);
      // What the pidfd means is looked at after it was opened: if the pid was given anew since, the signal goes
      // nowhere.
      if (!pidfd.valid() || !membership.has(pid) || !why(pid).empty()) continue;
      if (send_signal(pidfd, SIGKILL) && !first) ++killed;
    }
    thaw_cgroups(membership, members);  // the dead of a frozen v1 cgroup do not go
    if (kClock.monotonic_ns() >= limit_ns)
      return failed(fmt::format("{} processes of container {} are still there", membership.members().size(), id));
    ::poll(nullptr, 0, kRoundMs);
    members = membership.members();
  }
  return done(fmt::format("killed {} processes of container {}", killed,
                          cause.container_name.empty() ? id : cause.container_name));
}

}  // namespace tiercel::response
