#include "agent/response/kill.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <map>
#include <sstream>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/container/claim.h"
#include "agent/container/record.h"
#include "agent/response/proc.h"

namespace tiercel::response {
namespace {

constexpr int kEndWaitMs = 2'000;
constexpr int kRoundMs = 10;
constexpr size_t kMountsBytesMax = 8u << 20;
const SystemClock kClock;

Fd open_process(int32_t pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));  // the kernel sets O_CLOEXEC
}

bool kill_now(const Fd& pidfd) {
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) == 0;
}

std::string name_of(int32_t pid) {
  const auto stat = proc_stat(pid);
  return fmt::format("{}({})", stat ? stat->name : "?", pid);
}

// Whether cgroups are the container's, by what its runtime wrote. Looks at each once.
class Membership {
 public:
  enum class Belongs : uint8_t { kNo, kByName, kByRecord };  // kByName: anybody may have made a cgroup of that name
  struct Place {
    Belongs belongs = Belongs::kNo;
    std::string top;  // the container's own cgroup
  };

  Membership(std::string id, const ContainerKill& options)
      : id_(std::move(id)), records_(roots_of(options), container::HostFiles("")), by_name_(options.unverified_too) {}

  const Place& place_of(const std::string& path) {
    const auto known = places_.find(path);
    if (known != places_.end()) return known->second;
    Place place;
    const auto claims = container::claims_of(path);
    if (std::any_of(claims.begin(), claims.end(), [this](const auto& claim) { return claim.full_id == id_; }))
      if (const auto found = records_.find(claims); found && found->container.full_id == id_)
        place = {found->container.verified ? Belongs::kByRecord : Belongs::kByName, found->cgroup};
    return places_.emplace(path, std::move(place)).first->second;
  }
  bool has(const std::string& path) {
    const Belongs belongs = place_of(path).belongs;
    return belongs == Belongs::kByRecord || (belongs == Belongs::kByName && by_name_);
  }
  bool has(int32_t pid) {
    const auto paths = cgroup_paths(pid);
    return std::any_of(paths.begin(), paths.end(), [this](const std::string& path) { return has(path); });
  }
  // Was there a cgroup of that name that does not count?
  [[nodiscard]] bool saw_the_name() const {
    return std::any_of(places_.begin(), places_.end(),
                       [](const auto& known) { return known.second.belongs == Belongs::kByName; });
  }

 private:
  static container::RecordRoots roots_of(const ContainerKill& options) {
    container::RecordRoots roots;
    if (!options.docker_root.empty()) roots.docker = options.docker_root;
    if (!options.storage_root.empty()) roots.containers_storage = options.storage_root;
    return roots;
  }
  std::string id_;
  container::RecordReader records_;
  bool by_name_;
  std::map<std::string, Place> places_;
};

std::vector<int32_t> members_of(Membership& membership) {
  std::vector<int32_t> members;
  for (const int32_t pid : all_pids()) {
    if (!membership.has(pid)) continue;
    const auto stat = proc_stat(pid);
    if (stat && stat->state != 'Z' && stat->state != 'X') members.push_back(pid);
  }
  return members;
}

// Where cgroup v2 is mounted, from its root; "": nowhere.
std::string v2_mount() {
  const auto text = read_pseudo_file("/proc/self/mountinfo", kMountsBytesMax);
  if (!text) return {};
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    const size_t dash = line.find(" - cgroup2 ");
    std::istringstream words(line);
    std::string id, parent, device, root, where;
    if (dash != std::string::npos && words >> id >> parent >> device >> root >> where && root == "/") return where;
  }
  return {};
}

// All of a v2 cgroup at once, which no fork outruns. What it could not reach is killed one by one.
void kill_cgroups(Membership& membership, const std::vector<int32_t>& members) {
  const std::string mount = v2_mount();
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
  if (pid <= 1) return refused("it is pid 1, or no process at all");
  const Fd pidfd = open_process(pid);
  if (!pidfd.valid()) {
    if (errno == ESRCH || errno == EINVAL) return refused(fmt::format("process {} has ended already", pid));
    return failed(fail_errno(fmt::format("cannot open process {}", pid), errno).value().message);
  }
  // From here on the pidfd means one process. Is it the alert's? Its time is the kernel's, to the nanosecond.
  const auto start_ns = start_time_of(pid);
  if (!start_ns) return failed(start_ns.error().message);
  if (*start_ns == 0) return refused(fmt::format("process {} has ended already", pid));
  if (*start_ns != *cause.start_ns)
    return refused(fmt::format("process {} is another one now: it started {} ns after boot, the alert's at {}", pid,
                               *start_ns, *cause.start_ns));
  if (const std::string why = why_protected(pid); !why.empty()) return refused(fmt::format("process {}: {}", pid, why));
  const std::string name = name_of(pid);
  if (!kill_now(pidfd)) {
    if (errno == ESRCH) return refused(fmt::format("process {} has ended already", pid));
    return failed(fail_errno("cannot kill " + name, errno).value().message);
  }
  pollfd end{pidfd.get(), POLLIN, 0};
  if (::poll(&end, 1, kEndWaitMs) <= 0) return done(fmt::format("sent SIGKILL to {}, which has not ended yet", name));
  return done("killed " + name);
}

Deed kill_container(const Cause& cause, const ContainerKill& options) {
  const std::string& id = cause.container_id;
  if (id.empty()) return refused("the alert is about no container: tiercel.container.full_id is needed");
  Membership membership(id, options);
  std::vector<int32_t> members = members_of(membership);
  if (members.empty() && membership.saw_the_name())
    return refused(
        "no record of root's runtimes names that container's cgroup, so anybody may have chosen its name; the "
        "argument 'unverified' kills it all the same");
  if (members.empty()) return refused(fmt::format("no process is in the container {}", id));
  for (const int32_t pid : members)
    if (const std::string why = why_protected(pid); !why.empty())
      return refused(fmt::format("process {} is in container {}: {}", pid, id, why));
  kill_cgroups(membership, members);
  size_t killed = members.size();
  const uint64_t limit_ns = kClock.monotonic_ns() + static_cast<uint64_t>(options.time_limit_ms) * 1'000'000;
  for (bool first = true; !members.empty(); first = false) {
    for (const int32_t pid : members) {
      const Fd pidfd = open_process(pid);
      // What the pidfd means is looked at after it was opened: if the pid was given anew since, the signal goes
      // nowhere.
      if (!pidfd.valid() || !membership.has(pid) || !why_protected(pid).empty()) continue;
      if (kill_now(pidfd) && !first) ++killed;
    }
    if (kClock.monotonic_ns() >= limit_ns)
      return failed(fmt::format("{} processes of container {} are still there", members_of(membership).size(), id));
    ::poll(nullptr, 0, kRoundMs);
    members = members_of(membership);
  }
  return done(fmt::format("killed {} processes of container {}", killed,
                          cause.container_name.empty() ? id : cause.container_name));
}

}  // namespace tiercel::response
