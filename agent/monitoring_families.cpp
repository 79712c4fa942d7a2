// The gauges of /metrics: what the agent's status says. Names as in docs/metrics.md.
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/monitoring.h"

namespace tiercel {
namespace {

using health::Family;

constexpr size_t kContainersMax = 50;  // with a row of their own; the others share one
constexpr uint64_t kSecondNs = 1'000'000'000;

class Page {
 public:
  void number(const char* name, const char* help, uint64_t value, const Labels& labels = {}) {
    family(name, help).samples.push_back({.labels = labels, .count = value});
  }
  void real(const char* name, const char* help, double value) {
    family(name, help).samples.push_back({.value = value, .whole = false});
  }
  std::vector<Family> take() { return std::move(families_); }

 private:
  Family& family(const char* name, const char* help) {
    if (families_.empty() || families_.back().name != name)
      families_.push_back({name, help, health::names_a_counter(name), {}});
    return families_.back();
  }
  std::vector<Family> families_;
};

// Most first; what is beyond the limit is summed.
std::vector<std::pair<std::string, uint64_t>> lost_of_containers(const std::vector<CgroupLossRow>& rows) {
  std::map<std::string, uint64_t> sums;
  for (const CgroupLossRow& row : rows) sums[row.container.empty() ? "unknown" : row.container] += row.lost;
  std::vector<std::pair<std::string, uint64_t>> sorted(sums.begin(), sums.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (sorted.size() <= kContainersMax) return sorted;
  uint64_t rest = 0;
  for (size_t i = kContainersMax; i < sorted.size(); ++i) rest += sorted[i].second;
  sorted.resize(kContainersMax);
  sorted.emplace_back("other", rest);
  return sorted;
}

void add_losses(Page& page, const Status& s) {
  constexpr const char* kLost = "tiercel_lost_total";
  constexpr const char* kHelp = "Records and alerts lost, by where: the sum is what `tiercel status` calls lost";
  page.number(kLost, kHelp, s.kernel_lost, {{"where", "kernel"}});
  page.number(kLost, kHelp, s.records_lost, {{"where", "malformed_records"}});
  page.number(kLost, kHelp, s.spool_lost, {{"where", "spool"}});
  page.number(kLost, kHelp, s.outputs_lost, {{"where", "outputs"}});
  for (const auto& [container, lost] : lost_of_containers(s.cgroup_losses))
    page.number("tiercel_container_events_lost_total",
                "Records that found no room in the kernel, by container: the 50 that lost most", lost,
                {{"container", container}});
  page.number("falcosecurity_falco_outputs_queue_num_drops_total",
              "Alerts removed by the spool's limits before every output had them", s.spool_lost);
}

void add_health(Page& page, const Status& s, const health::Verdict& verdict) {
  page.number("tiercel_live", "1: what /healthz says; 0: a restart would help", verdict.live() ? 1 : 0);
  page.number("tiercel_ready", "1: what /healthz?ready says; 0: something is not seen or not safe",
              verdict.ready() ? 1 : 0);
  page.number("tiercel_self_test_passed", "1: the kernel told of the last process that the agent started to test it",
              s.self_test == "passed" ? 1 : 0);
  page.number("tiercel_hooks_heard", "Event types whose hook told of the agent's own call", s.canaries.heard);
  page.number("tiercel_hooks_silent", "Event types whose hook never told of one: it proves nothing", s.canaries.silent);
  page.number("tiercel_hooks_deaf", "Event types whose hook told of such calls and does no more: somebody detached it",
              s.canaries.deaf.size());
  page.real("tiercel_canary_latency_seconds",
            "Time from the last canary's system call until a rule had matched it; 0: there was none",
            static_cast<double>(s.canaries.latency_ns) / 1e9);
  page.number("tiercel_witness_runs", "1: a second process would tell of this one's end", s.witness_pid > 0 ? 1 : 0);
  if (s.manager_configured)
    page.real("tiercel_canary_manager_seconds",
              "Time from the last canary's alert until the manager was known to have taken it; 0: none was yet",
              static_cast<double>(s.manager_canary_ns) / 1e9);
  page.number("tiercel_floods", "Cgroups that flood now, and whose events are held back", s.floods);
  page.number("tiercel_spool_on_disk", "1: what waits in the spool outlives a crash", s.spool_on_disk ? 1 : 0);
  page.number("tiercel_spool_waiting", "Alerts that an output has not confirmed yet", s.spool_waiting);
  for (const OutputRow& row : s.outputs)
    page.number("tiercel_output_waiting", "Alerts that wait for an output", row.waiting, row.name);
  for (const OutputRow& row : s.outputs)
    page.number("tiercel_output_breaker_open", "1: the output does not work and is tried now and then",
                row.open ? 1 : 0, row.name);
  if (!s.manager_configured) return;
  page.number("tiercel_manager_connected", "1: there is a session with a Wazuh manager", s.manager_connected ? 1 : 0);
  page.number("tiercel_manager_last_ack_timestamp_seconds", "When a manager last acknowledged a keep-alive; 0: never",
              s.manager_last_ack_ns / kSecondNs);
}

void add_rules(Page& page, const Status& s) {
  page.number("tiercel_rules_active", "Rules that run", s.rules.rules.active);
  page.number("tiercel_rules_loaded", "Rules that were read, those that are off included", s.rules.rules.total);
  page.number("tiercel_rules_refused", "1: the rules on the disk were refused, and those before them run",
              s.rules.refusal_stands ? 1 : 0);
  page.number("tiercel_rules_info", "The digest of the rules that run", 1, {{"digest", s.rules.rules.digest}});
  page.number("tiercel_processes", "Processes that the agent knows", s.processes);
  page.number("tiercel_containers", "Containers that the agent knows", s.containers.containers);
  page.number("tiercel_containers_unverified", "Containers whose cgroup no record of a runtime names",
              s.containers.unverified);
  page.number("tiercel_containers_incomplete", "Containers whose records are not read yet", s.containers.waiting);
  page.number("tiercel_cgroups", "Cgroups that the agent knows", s.containers.cgroups);
  page.number("tiercel_container_readers_stuck", "Threads that wait for a disk or a mount that hangs",
              s.containers.readers_stuck);
  page.number("tiercel_container_facts_bytes", "Memory for what is known of containers", s.containers.facts_bytes);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::string host_name() {
  if (const char* told = std::getenv("FALCO_HOSTNAME")) return told;
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

void add_process(Page& page, const Status& s) {
  unsigned long long pages = 0, resident = 0;
  const uint64_t page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (auto statm = read_pseudo_file("/proc/self/statm", 256))
    std::sscanf(statm->c_str(), "%llu %llu", &pages, &resident);
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const double cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime);
  std::error_code none;
  const auto fds = std::distance(std::filesystem::directory_iterator("/proc/self/fd", none), {});
  page.number("falcosecurity_falco_memory_rss_bytes", "Resident memory of the agent", resident * page_bytes);
  page.number("falcosecurity_falco_memory_vsz_bytes", "Virtual memory of the agent", pages * page_bytes);
  page.number("tiercel_memory_anonymous_bytes", "Resident memory that is no file's: what the agent itself keeps",
              s.rss_anon_bytes);
  page.number("tiercel_ring_bytes", "Ring buffers between the kernel and the agent", s.ring_bytes);
  page.real("falcosecurity_falco_cpu_usage_ratio", "CPU time of the agent by time since its start; 1: one CPU",
            s.uptime_s == 0 ? 0 : cpu_s / static_cast<double>(s.uptime_s));
  page.real("process_cpu_seconds_total", "CPU time of the agent", cpu_s);
  page.number("process_open_fds", "Open descriptors of the agent", fds > 0 ? static_cast<uint64_t>(fds) : 0);
  const uint64_t now_ns = SystemClock().realtime_ns();
  page.number("falcosecurity_falco_start_timestamp_nanoseconds", "When the agent started, since the epoch",
              now_ns - s.uptime_s * kSecondNs);
  page.number("falcosecurity_falco_reload_timestamp_nanoseconds",
              "When the rules that run were loaded, since the epoch", s.rules.loaded_ns);
  page.number("falcosecurity_falco_duration_seconds_total", "Time since the agent's start", s.uptime_s);
  utsname kernel{};
  ::uname(&kernel);
  page.number("tiercel_build_info", "The agent's version", 1, {{"version", s.version}});
  page.number("falcosecurity_falco_kernel_release_info", "The kernel's release", 1,
              {{"kernel_release", kernel.release}});
  page.number("falcosecurity_evt_hostname_info", "The host's name, as alerts have it", 1, {{"hostname", host_name()}});
}

}  // namespace

std::vector<Family> families_of_status(const Status& status, const health::Verdict& verdict) {
  Page page;
  add_losses(page, status);
  add_health(page, status, verdict);
  add_rules(page, status);
  add_process(page, status);
  return page.take();
}

}  // namespace tiercel
