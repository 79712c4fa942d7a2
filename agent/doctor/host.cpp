// What surrounds the agent on its host: security modules, limits, clock, runtimes, other sensors.
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <sstream>

#include "agent/base/fd.h"
#include "agent/doctor/doctor.h"
#include "agent/runtime/asker.h"

namespace tiercel::doctor {
namespace {

constexpr size_t kPseudoFileMax = 4'096;

std::string line_of(const std::string& path) {
  auto text = read_pseudo_file(path, kPseudoFileMax);
  if (!text) return {};
  return text->substr(0, text->find_first_of("\n\0", 0, 2));
}

// Others on the host that watch or report, by the name of their process.
struct Neighbour {
  std::string_view comm;  // 15 bytes of it, as the kernel keeps them
  std::string_view means;
  std::string_view way_out;
};
constexpr std::string_view kBoth = "both see everything: no conflict, the cost of two";
constexpr Neighbour kNeighbours[] = {
    {"falco", kBoth, "nothing to do; `tiercel falco` takes its configuration and rules when you replace it"},
    {"tetragon", kBoth, "nothing to do; what either of them kills, the other reports as ended"},
    {"tracee", kBoth, "nothing to do"},
    {"sysdig", kBoth, "nothing to do"},
    {"osqueryd", "it may use eBPF or audit of its own: no conflict", "nothing to do"},
    {"wazuh-agentd", "a host may have both; with one manager it shows two agents",
     "give them different names, or send through it: docs/beside-a-wazuh-agent.md"},
};

bool is_number(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

// Is somebody behind a socket? 0, or the errno of the attempt.
int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.data(), path.size());
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

void add_runtime(std::vector<Fact>& facts, const std::string& root, const std::string& name,
                 const std::vector<std::string>& sockets) {
  std::vector<std::pair<dev_t, ino_t>> seen;
  for (const std::string& socket : sockets) {
    struct stat info {};
    if (::stat((root + socket).c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) continue;
    const std::pair<dev_t, ino_t> self(info.st_dev, info.st_ino);  // /var/run is a link to /run
    if (std::find(seen.begin(), seen.end(), self) != seen.end()) continue;
    seen.push_back(self);
    const int error = connect_to(root + socket);
    if (error == 0 || error == EAGAIN)
      facts.push_back({State::kGood, "runtime", fmt::format("{}: {} answers", name, socket), "", ""});
    else
      facts.push_back({State::kNote, "runtime", fmt::format("{}: {}: {}", name, socket, std::strerror(error)),
                       "containers are known by their files alone: some lack image or labels",
                       error == EACCES ? "run as root (sudo)" : "start the runtime, or nothing if it is not used"});
  }
}

}  // namespace

std::string chosen_word(std::string_view listed) {
  const size_t open = listed.find('['), close = listed.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  return std::string(listed.substr(open + 1, close - open - 1));
}

std::vector<Fact> security_facts(const Options& options) {
  std::vector<Fact> facts;
  const std::string lockdown = chosen_word(line_of(options.root + "/sys/kernel/security/lockdown"));
  if (lockdown == "confidentiality")
    facts.push_back({State::kMissing, "lockdown", lockdown, "the kernel lets no BPF program read its memory",
                     "boot with lockdown=integrity or without it"});
  else
    facts.push_back({State::kGood, "lockdown", lockdown.empty() ? "none, or no securityfs" : lockdown, "", ""});
  const std::string enforcing = line_of(options.root + "/sys/fs/selinux/enforce");
  if (!enforcing.empty())
    facts.push_back(enforcing == "1"
                        ? Fact{State::kNote, "SELinux", "enforcing", "a policy may forbid bpf() to the agent's domain",
                               "if the programs load above, nothing; else look for denials: ausearch -m avc -c tiercel"}
                        : Fact{State::kGood, "SELinux", "permissive", "", ""});
  const std::string profile = line_of(options.root + "/proc/self/attr/current");
  if (std::filesystem::exists(options.root + "/sys/kernel/security/apparmor"))
    facts.push_back(profile.ends_with("(enforce)")
                        ? Fact{State::kNote, "AppArmor", "this program is confined by " + profile,
                               "a profile may forbid bpf() or reading /proc", "look for DENIED in the kernel's log"}
                        : Fact{State::kGood, "AppArmor", "does not confine this program", "", ""});
  constexpr size_t kMountsMax = 16u << 20;
  facts.push_back(hidden_processes_fact_of(
      read_pseudo_file(options.root + "/proc/self/mountinfo", kMountsMax).value_or(std::string())));
  return facts;
}

Fact hidden_processes_fact_of(const std::string& mountinfo) {
  constexpr size_t kMountPoint = 4;  // the field, from 0
  std::string hidden;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string field;
    for (size_t n = 0; n <= kMountPoint; ++n) fields >> field;
    const std::filesystem::path path(field);
    auto part = path.begin();
    if (std::distance(path.begin(), path.end()) < 3 || *++part != "proc" || !is_number((++part)->string())) continue;
    hidden.append(hidden.empty() ? "" : ", ").append(field);
  }
  if (hidden.empty()) return {State::kGood, "hidden processes", "nothing is mounted over a process in /proc", "", ""};
  return {State::kNote, "hidden processes", "mounted over " + hidden, "who lists processes does not see that one",
          "umount it; rules see such mounts by evt.hides_process"};
}

Fact limit_fact_of(std::string_view what, uint64_t soft, uint64_t wanted) {
  const bool unlimited = soft == RLIM_INFINITY;
  const std::string detail = unlimited ? "unlimited" : std::to_string(soft);
  if (unlimited || soft >= wanted) return {State::kGood, std::string(what), detail, "", ""};
  return {State::kNote, std::string(what), fmt::format("{}, less than {}", detail, wanted),
          what == "limit memlock" ? "kernels before 5.11 count BPF maps there; this one does not, unless it was patched"
                                  : "each hook, file and connection takes one: hooks may fail to attach",
          what == "limit memlock" ? "LimitMEMLOCK=infinity, if programs do not load" : "LimitNOFILE=65536 in the unit"};
}

std::vector<Fact> limit_facts() {
  constexpr uint64_t kFiles = 1'024, kLocked = 64u << 20;
  rlimit locked{}, files{};
  ::getrlimit(RLIMIT_MEMLOCK, &locked);
  ::getrlimit(RLIMIT_NOFILE, &files);
  Fact memory = limit_fact_of("limit memlock", locked.rlim_cur, kLocked);
  // 5.17 is the oldest kernel that we run on, and charges BPF memory to the cgroup.
  if (memory.state == State::kNote)
    memory = {State::kGood, memory.what,
              fmt::format("{} (this kernel charges BPF memory to the cgroup)", locked.rlim_cur), "", ""};
  return {memory, limit_fact_of("limit nofile", files.rlim_cur, kFiles)};
}

Fact clock_fact_of(int state, long status_bits, long error_us) {
  constexpr long kErrorUsMax = 1'000'000;
  if (state == TIME_ERROR || (status_bits & STA_UNSYNC) != 0)
    return {State::kNote, "clock", "not synchronised",
            "alerts carry this host's time: a manager and other hosts may order them wrongly",
            "run chrony, systemd-timesyncd or ntpd; in a VM whose host sets the clock nothing"};
  if (error_us > kErrorUsMax)
    return {State::kNote, "clock", fmt::format("synchronised, but {} ms off at worst", error_us / 1'000),
            "alerts may be ordered wrongly among hosts", "look at the time daemon: chronyc tracking"};
  return {State::kGood, "clock", fmt::format("synchronised, {} ms off at worst", error_us / 1'000), "", ""};
}

Fact clock_fact() {
  timex now{};
  const int state = ::adjtimex(&now);
  return clock_fact_of(state, now.status, now.maxerror);
}

std::vector<Fact> runtime_facts(const Options& options) {
  const runtime::Sockets sockets;
  std::vector<Fact> facts;
  add_runtime(facts, options.root, "docker", sockets.docker);
  add_runtime(facts, options.root, "podman", sockets.podman);
  add_runtime(facts, options.root, "containerd", sockets.containerd);
  add_runtime(facts, options.root, "cri-o", sockets.crio);
  if (facts.empty())
    facts.push_back(
        {State::kGood, "runtime", "no socket of Docker, Podman, containerd or CRI-O: none runs here", "", ""});
  return facts;
}

std::vector<Fact> neighbour_facts(const Options& options) {
  std::map<std::string_view, size_t> found;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(options.root + "/proc", none)) {
    if (!is_number(entry.path().filename().string())) continue;
    const std::string comm = line_of(entry.path().string() + "/comm");
    for (const Neighbour& neighbour : kNeighbours)
      if (comm == neighbour.comm) ++found[neighbour.comm];
  }
  std::vector<Fact> facts;
  for (const Neighbour& neighbour : kNeighbours)
    if (found.count(neighbour.comm) != 0)
      facts.push_back({State::kNote, "beside us", std::string(neighbour.comm) + " runs", std::string(neighbour.means),
                       std::string(neighbour.way_out)});
  if (facts.empty()) facts.push_back({State::kGood, "beside us", "no other sensor and no wazuh-agent", "", ""});
  return facts;
}

}  // namespace tiercel::doctor
