#include "agent/doctor/doctor.h"

#include <fmt/core.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <utility>

#include "agent/base/fd.h"
#include "agent/control/control_client.h"
#include "agent/doctor/evasions.h"
#include "agent/http/stream.h"
#include "agent/sensor/host.h"
#include "siem/wazuh/keys.h"

namespace tiercel::doctor {
namespace {

void append(std::vector<Fact>& to, std::vector<Fact> facts) {
  to.insert(to.end(), std::make_move_iterator(facts.begin()), std::make_move_iterator(facts.end()));
}

// The nearest folder that exists.
std::string existing(std::filesystem::path path) {
  std::error_code none;
  while (path.has_parent_path() && path != path.root_path() && !std::filesystem::exists(path, none))
    path = path.parent_path();
  return path.string();
}

Fact port_fact(const std::string& what, const std::string& host, uint16_t port, int timeout_ms) {
  http::Stream stream({.host = host, .port = port, .timeout_ms = timeout_ms});
  const std::string place = fmt::format("{}:{}", host, port);
  if (auto connected = stream.connect(); !connected)
    return {State::kNote, what, fmt::format("{}: {}", place, connected.error().message),
            "alerts wait on the disk until it is reached",
            "look whether the manager runs, and at firewalls between here and there"};
  return {State::kGood, what, place + " takes connections", "", ""};
}

Fact key_fact(const config::Config& config) {
  const std::string path = config.wazuh_keys_file();
  auto key = wazuh::read_agent_key(path);
  if (!key)
    return {State::kMissing, "enrolment", key.error().message, "the manager refuses an agent without its key",
            "put the file right, or move it away and run `tiercel enroll --manager HOST`"};
  if (*key)
    return {State::kGood, "enrolment", fmt::format("agent {} ({}), key in {}", (*key)->id, (*key)->name, path), "", ""};
  if (config.wazuh.enrol)
    return {State::kGood, "enrolment", "no key yet: the agent asks for one when it starts", "", ""};
  return {State::kMissing, "enrolment", "no key in " + path, "the manager refuses an agent without its key",
          "run `tiercel enroll --manager HOST`, or set wazuh.enrol: true"};
}

}  // namespace

std::vector<Fact> kernel_facts() {
  using From = sensor::HostFact::State;
  std::vector<Fact> facts;
  bool loads = false;
  for (sensor::HostFact& fact : sensor::probe_host()) {
    const State state = fact.state == From::kGood       ? State::kGood
                        : fact.state == From::kDegraded ? State::kNote
                                                        : State::kMissing;
    loads |= fact.what == sensor::kProgramsFact && state == State::kGood;
    facts.push_back(
        {state, std::move(fact.what), std::move(fact.detail), std::move(fact.means), std::move(fact.way_out)});
  }
  if (::geteuid() != 0) return facts;
  facts.push_back(
      loads ? Fact{State::kGood, "kills by the kernel", "available: the program that judges starts is loaded", "", ""}
            : Fact{State::kNote, "kills by the kernel", "not available",
                   "responses that kill act after the program has begun", "see sensor's programs above"});
  return facts;
}

Fact disk_fact(const Options& options) {
  constexpr uint64_t kMiB = 1u << 20;
  const std::string path = options.root + options.config.state_dir;
  const std::string there = existing(path);
  struct statvfs disk {};
  if (::statvfs(there.c_str(), &disk) != 0)
    return {State::kMissing, "disk of state_dir", fmt::format("{}: {}", there, std::strerror(errno)),
            "alerts that wait do not outlive a crash", "choose another state_dir"};
  const uint64_t free_mb = disk.f_bavail * disk.f_frsize / kMiB;
  const std::string detail =
      fmt::format("{}: {} MiB free{}", path, free_mb, there == path ? "" : " (made at the start)");
  if ((disk.f_flag & ST_RDONLY) != 0)
    return {State::kMissing, "disk of state_dir", there + " is read-only", "alerts that wait do not outlive a crash",
            "mount it writable, or choose another state_dir"};
  if (free_mb < options.config.spool.size_mb_max)
    return {State::kNote, "disk of state_dir", detail,
            fmt::format("less than the spool may take ({} MiB): a long outage of the manager costs alerts",
                        options.config.spool.size_mb_max),
            "make room, or lower spool.size_mb_max"};
  return {State::kGood, "disk of state_dir", detail, "", ""};
}

std::vector<Fact> manager_facts(const Options& options) {
  const config::Config& config = options.config;
  if (config.wazuh.managers.empty())
    return {{State::kGood, "manager", "none configured: alerts go to the other outputs", "", ""}};
  std::vector<Fact> facts{key_fact(config)};
  for (const config::WazuhManager& manager : config.wazuh.managers) {
    if (manager.protocol == config::WazuhManager::Protocol::kTcp)
      facts.push_back(port_fact("manager, events", manager.host, manager.port, options.connect_timeout_ms));
    else
      facts.push_back({State::kNote, "manager, events", fmt::format("{}:{} over UDP", manager.host, manager.port),
                       "a datagram says nothing about who takes it", "`tiercel status` says whether it answers"});
    if (config.wazuh.enrol)
      facts.push_back(port_fact("manager, enrolment", manager.host, manager.enrol_port, options.connect_timeout_ms));
  }
  return facts;
}

std::vector<Fact> agent_facts(const Options& options) {
  auto reply = control::call(options.config.socket_path(), "status");
  if (!reply && reply.error().fault == Fault::kUser)
    return {{State::kNote, "agent", reply.error().message, "its state is not known to you", "run as root (sudo)"}};
  if (!reply)
    return {{State::kNote, "agent", "does not run", "nothing on this host is watched",
             "`systemctl start tiercel`, or `sudo tiercel run`"},
            hardening_fact_of_host(options)};
  std::vector<Fact> facts{{State::kGood, "agent", "runs: `tiercel status` says how it is", "", ""}};
  append(facts, hook_facts_of(*reply));
  append(facts, hardening_facts_of(*reply, options.config.hardening));
  return facts;
}

std::vector<Fact> examine(const Options& options) {
  std::vector<Fact> facts = kernel_facts();
  append(facts, security_facts(options));
  append(facts, limit_facts());
  facts.push_back(disk_fact(options));
  facts.push_back(clock_fact());
  append(facts, runtime_facts(options));
  append(facts, neighbour_facts(options));
  append(facts, manager_facts(options));
  append(facts, agent_facts(options));
  append(facts, evasion_facts(surroundings(options)));
  return facts;
}

}  // namespace tiercel::doctor
