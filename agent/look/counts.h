// Counts: what is counted of rules, processes, containers and event types while somebody looks (`tiercel top`). There
// is none while nobody does: the pipeline then pays one branch an event. Deciding thread only; snapshot() makes values
// that any thread may read. Memory is bounded: kProcesses and kContainers rows, one row a rule and an event type.
//
// Costs are sampled: about kTimedPerS events a second are timed, at random distances, and each stands for the events
// since the one before.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/context/event.h"
#include "agent/look/snapshot.h"
#include "agent/look/space_saving.h"
#include "agent/rule/engine.h"

namespace tiercel::look {

class Counts {
 public:
  static constexpr size_t kProcesses = 512, kContainers = 256;
  static constexpr uint64_t kTimedPerS = 512;

  Counts(const Clock& clock, std::shared_ptr<const rule::RuleSet> rules);

  // Called for each timed event, for what else is worth a look then.
  void on_timed(std::function<void()> look) { on_timed_ = std::move(look); }

  // Around the judging of one event.
  void begin(const context::Event& event);
  [[nodiscard]] rule::MatchWatch& rules() { return watch_; }
  void alerted(rule::RuleId id);
  void end();

  // The matcher's set was exchanged: its rules begin anew.
  void restart(std::shared_ptr<const rule::RuleSet> rules);
  // Once a second: how many events one timed event stands for, by the events since the last call.
  void adapt();
  [[nodiscard]] Snapshot snapshot() const;

 private:
  struct ProcessFacts {
    std::string name, exepath, container;
    uint32_t exec_id = 0;
    bool known = false;
    uint64_t alerts = 0;
  };
  struct ContainerFacts {
    std::shared_ptr<context::KnownContainer> known;  // held, so that no other gets its address meanwhile
    uint64_t alerts = 0;
  };
  using Processes = SpaceSaving<context::ProcessKey, ProcessFacts, context::ProcessKeyHash>;
  using Containers =
      SpaceSaving<const context::KnownContainer*, ContainerFacts, std::hash<const context::KnownContainer*>>;
  void name(ProcessFacts& facts, const context::Event& event) const;
  uint64_t next_gap();

  const Clock& clock_;
  const uint64_t since_ns_;
  std::shared_ptr<const rule::RuleSet> set_;
  rule::MatchWatch watch_;
  Processes processes_{kProcesses};
  Containers containers_{kContainers};
  std::array<TypeCounts, EVT_COUNT> types_{};
  std::function<void()> on_timed_;

  Processes::Row* process_ = nullptr;  // of the event that is judged
  Containers::Row* container_ = nullptr;
  TypeCounts* type_ = nullptr;
  uint64_t begun_ns_ = 0, weight_ = 0;

  uint64_t events_ = 0, timed_ = 0;
  uint64_t events_before_ = 0, timed_lately_ = 0;  // the last call of adapt(), and since
  uint64_t every_ = 1, gap_ = 1, countdown_ = 1;
  uint64_t random_ = 0x2545f4914f6cdd1dull;
};

}  // namespace tiercel::look
