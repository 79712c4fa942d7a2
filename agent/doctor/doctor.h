// What `tiercel doctor` looks at: what this host offers the agent and what it lacks, each with what that means and the
// way out. Reads files and sockets, loads the kernel programs once as root, and connects to the configured manager (2 s
// at most for each port); changes nothing. Any thread; blocks for some seconds at worst.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/config/config.h"

namespace tiercel::doctor {

enum class State : uint8_t {
  kGood,
  kNote,     // works, with less or with a condition
  kMissing,  // the agent cannot do its work
};

struct Fact {
  State state = State::kGood;
  std::string what;     // "kernel BTF"
  std::string detail;   // what was found
  std::string means;    // what follows from it; empty when good
  std::string way_out;  // what to do about it; empty when good
  int evasion = 0;      // of evasions.h, with what is open and what is closed; 0: of none
  std::vector<std::string> open = {}, closed = {};
};

struct Options {
  config::Config config;
  std::string root;  // before each path of the host's files; "": this host. Tests and --host-root
  int connect_timeout_ms = 2'000;
};

// All of them, in the order in which a person wants to know.
[[nodiscard]] std::vector<Fact> examine(const Options& options);

// The parts of it, apart so that tests can show them a host of their own.
[[nodiscard]] std::vector<Fact> kernel_facts();
[[nodiscard]] std::vector<Fact> security_facts(const Options& options);
[[nodiscard]] std::vector<Fact> limit_facts();
[[nodiscard]] Fact disk_fact(const Options& options);
[[nodiscard]] Fact clock_fact();
[[nodiscard]] std::vector<Fact> runtime_facts(const Options& options);
[[nodiscard]] std::vector<Fact> manager_facts(const Options& options);
[[nodiscard]] std::vector<Fact> agent_facts(const Options& options);
[[nodiscard]] Fact hardening_fact_of_host(const Options& options);
[[nodiscard]] std::vector<Fact> neighbour_facts(const Options& options);

// Pure: what the kernel's own words mean, and the agent's.
[[nodiscard]] std::string chosen_word(std::string_view listed);  // "none [integrity] x": integrity
[[nodiscard]] Fact clock_fact_of(int state, long status_bits, long error_us);
// `mountinfo`: /proc/PID/mountinfo. What is mounted over a process's folder hides that process from ps and from us.
[[nodiscard]] Fact hidden_processes_fact_of(const std::string& mountinfo);
[[nodiscard]] Fact limit_fact_of(std::string_view what, uint64_t soft, uint64_t wanted);
// `status`: the reply of the agent that runs; `wanted`: what its configuration says.
[[nodiscard]] std::vector<Fact> hardening_facts_of(const std::string& status, const config::Hardening& wanted);
[[nodiscard]] std::vector<Fact> hook_facts_of(const std::string& status);

}  // namespace tiercel::doctor
