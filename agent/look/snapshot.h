// Snapshot: what Counts had counted at one moment, as values, and its JSON for the control socket. Any thread.
// All counts are since somebody began to look; times are CLOCK_MONOTONIC.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/context/containers.h"
#include "agent/rule/engine.h"

namespace tiercel::look {

struct TypeCounts {
  uint64_t events = 0;
  uint64_t timed = 0, timed_ns = 0;  // of those that were timed: what judging took, with the making of alerts
  uint64_t cost_ns = 0;              // estimate over all events
};

struct ProcessCounts {
  uint32_t pid = 0;
  uint64_t start_ns = 0;
  std::string name, exepath, container;  // "" container: the host
  uint64_t events = 0, alerts = 0;
};

struct ContainerCounts {
  std::shared_ptr<const context::Container> facts;  // nullptr: the host
  uint64_t events = 0, alerts = 0;
};

struct Snapshot {
  uint64_t taken_ns = 0, since_ns = 0;
  uint64_t events = 0;
  uint64_t timed = 0, timed_every = 1;  // one event in so many is timed at present
  std::shared_ptr<const rule::RuleSet> set;
  std::vector<std::pair<rule::RuleId, rule::RuleCounts>> rules;  // that were tried
  uint64_t finding_ns = 0;                                       // estimate: which rules are worth trying
  std::vector<ProcessCounts> processes;
  std::vector<ContainerCounts> containers;
  std::vector<std::pair<uint16_t, TypeCounts>> types;  // that came
  uint64_t evicted = 0;                                // rows of processes and containers that made room

  // The members of an object, without its braces. At most kRulesMost rules: those that cost and alert most.
  static constexpr size_t kRulesMost = 2'000;
  [[nodiscard]] std::string json_members() const;
};

}  // namespace tiercel::look
