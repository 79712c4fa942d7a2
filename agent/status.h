// What `tiercel status` shows: one snapshot of the agent's counters. collect() is safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/metrics.h"
#include "agent/context/containers.h"
#include "agent/group/group_config.h"
#include "agent/losses.h"
#include "agent/outputs.h"
#include "agent/reload/outcome.h"

namespace tiercel {

struct Status {
  std::string version;
  uint64_t uptime_s = 0;
  uint64_t events = 0, alerts = 0;
  uint64_t kernel_lost = 0, records_lost = 0, spool_lost = 0, outputs_lost = 0;
  std::vector<CgroupLossRow> cgroup_losses;  // of kernel_lost
  uint64_t undelivered = 0;                  // at the end: what an output had not taken when the agent stopped
  uint64_t spool_waiting = 0;
  bool spool_on_disk = false;
  std::string self_test;  // passed, failed; unknown before the first
  context::Containers::Counts containers;
  uint64_t processes = 0, ring_bytes = 0, rss_anon_bytes = 0;
  reload::RulesState rules;
  uint64_t groups_evicted = 0;             // of rules that count
  std::optional<group::GroupState> group;  // nothing: the agent has no manager
  bool manager_configured = false, manager_connected = false;
  std::string manager_address, agent_id;
  std::vector<OutputRow> outputs;  // but the manager; only for who asks for them
  uint64_t manager_sent = 0, manager_confirmed = 0, manager_unconfirmed = 0;

  [[nodiscard]] uint64_t lost() const { return kernel_lost + records_lost + spool_lost + outputs_lost + undelivered; }
  [[nodiscard]] std::string json() const;
};

[[nodiscard]] uint64_t rss_anon_bytes();
// What `tiercel run` says at its end.
[[nodiscard]] std::string summary_text(const Status& status);
// The reply of the status command as a person reads it; colours only when asked for.
[[nodiscard]] std::string status_text(const std::string& json, bool colour);

}  // namespace tiercel
