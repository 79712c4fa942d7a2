// What `tiercel status` shows: one snapshot of the agent's counters. collect() is safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/attach_watch.h"
#include "agent/base/metrics.h"
#include "agent/canary.h"
#include "agent/context/containers.h"
#include "agent/group/group_config.h"
#include "agent/hardening/hardening.h"
#include "agent/losses.h"
#include "agent/outputs.h"
#include "agent/reload/outcome.h"

namespace tiercel {

struct Status {
  std::string version;
  uint64_t uptime_s = 0;
  uint64_t events = 0, alerts = 0;
  uint64_t kernel_lost = 0, records_lost = 0, spool_lost = 0, outputs_lost = 0;
  uint64_t kernel_filtered = 0;              // events that the kernel left out: no rule needs them
  uint64_t missed_runs = 0;                  // of kernel_lost: programs that the kernel did not run
  uint64_t floods = 0;                       // cgroups whose events are held back now
  uint64_t lost_recently = 0;                // of all of these: RecentLosses
  std::vector<CgroupLossRow> cgroup_losses;  // of kernel_lost
  uint64_t undelivered = 0;                  // at the end: what an output had not taken when the agent stopped
  uint64_t spool_waiting = 0;
  bool spool_on_disk = false, spool_rescuing = false;
  hardening::State hardening;  // what the kernel says of the agent
  std::string self_test;       // passed, failed; unknown before the first
  AttachWatch::State attached;
  Canaries::Counts canaries;  // hooks that tell of our own calls, and that do not
  context::Containers::Counts containers;
  uint64_t processes = 0, ring_bytes = 0, rss_anon_bytes = 0;
  reload::RulesState rules;
  uint64_t groups_evicted = 0;             // of rules that count
  std::optional<group::GroupState> group;  // nothing: the agent has no manager
  bool manager_configured = false, manager_connected = false;
  std::string manager_address, agent_id;
  std::vector<OutputRow> outputs;    // but the manager; only for who asks for them
  uint64_t manager_last_ack_ns = 0;  // since the epoch; 0: never
  uint64_t manager_sent = 0, manager_confirmed = 0, manager_unconfirmed = 0;
  uint64_t manager_canary_ns = 0;  // from the last canary's alert until the manager was known to have it; 0: none yet
  int64_t witness_pid = 0;         // 0: there is none

  [[nodiscard]] uint64_t lost() const { return kernel_lost + records_lost + spool_lost + outputs_lost + undelivered; }
  [[nodiscard]] uint64_t held_back() const;  // of kernel_lost, because cgroups flooded
  void take_losses(const Metrics& metrics);  // but the kernel's
  [[nodiscard]] std::string json() const;
};

[[nodiscard]] uint64_t rss_anon_bytes();
// What `tiercel run` says at its end.
[[nodiscard]] std::string summary_text(const Status& status);

}  // namespace tiercel
