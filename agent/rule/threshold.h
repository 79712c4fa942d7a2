// Rules that count: how many matching events of one group, or how many different values of a field, came within a time.
// The definition is part of the immutable RuleSet; what was counted is a Tallies, which a Matcher owns: one thread.
//
// A rule fires with the event that fills the count, and its group begins at nothing again. Time is the event's own
// (CLOCK_BOOTTIME), so a recording gives what the live host gave. Memory is bounded, whoever makes the values: groups
// and values are kept as keyed hashes, and of too many groups the one that was longest without an event goes, counted.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/base/siphash.h"
#include "agent/context/event.h"
#include "agent/rule/program.h"
#include "agent/rule/rule.h"
#include "agent/rule/scratch.h"

namespace tiercel::rule {

inline constexpr uint32_t kThresholdCountMax = 10'000;
inline constexpr uint64_t kThresholdTimespanMaxNs = 24ull * 3600 * 1'000'000'000;

// A definition as the engine uses it.
struct Counting {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t count = 2;
  uint64_t timespan_ns = 0;
  std::vector<uint32_t> group_by;  // operands of the program
  uint32_t distinct = kNone;       // an operand
  uint64_t identity = 0;           // of rule, condition and threshold: what was counted outlives a reload by it
};

// "20 different fd.sport for each proc.pid within 10s"
[[nodiscard]] std::string to_string(const Threshold& threshold);
[[nodiscard]] std::string timespan_text(uint64_t ns);

// Nothing: it is none. "10s", "500ms": 1ms to most_ns.
[[nodiscard]] std::optional<uint64_t> parse_timespan(std::string_view text, uint64_t most_ns = kThresholdTimespanMaxNs);

// How far a count is after an event.
struct Count {
  uint32_t have = 0, need = 0;
  bool fires = false;
  bool no_value = false;  // the event has no value for `distinct`, and does not count
};

// What one rule has counted.
class Tally {
 public:
  struct Limits {
    size_t groups = 4'096;
    size_t marks = 65'536;  // over all groups; a mark is one event, or one value of `distinct`
  };
  Tally(uint32_t count, uint64_t timespan_ns, Limits limits)
      : count_(count), timespan_ns_(timespan_ns), limits_(limits) {}

  // value: of `distinct`; 0 where there is none. distinct: two marks of one value count once.
  Count add(uint64_t group, uint64_t value, bool distinct, uint64_t time_ns);
  [[nodiscard]] size_t groups() const { return groups_.size(); }
  [[nodiscard]] size_t marks() const { return marks_; }
  [[nodiscard]] uint64_t evicted() const { return evicted_; }

 private:
  struct Mark {
    uint64_t time_ns;
    uint64_t value;
  };
  struct Group {
    uint64_t key = 0;
    std::vector<Mark> marks;  // by time
  };
  using Groups = std::list<Group>;
  void drop(Groups::iterator group);
  void drop_stale(uint64_t time_ns);
  void drop_old_marks(Group& group);
  void bound();

  uint32_t count_;
  uint64_t timespan_ns_;
  Limits limits_;
  Groups groups_;  // that which was longest without an event first
  std::unordered_map<uint64_t, Groups::iterator> by_key_;
  size_t marks_ = 0;
  uint64_t latest_ns_ = 0;
  uint64_t evicted_ = 0;
};

// What all rules of a set have counted.
class Tallies {
 public:
  explicit Tallies(const std::vector<Counting>& counting, Tally::Limits limits = {});

  // For a rule whose condition has just held; index: of its Counting.
  Count add(size_t index, const Counting& counting, const Program& program, Scratch& scratch,
            const context::Event& event);
  // Goes on where `before` stands, for rules that are the same.
  void go_on_from(Tallies& before);
  // Groups that went to make room, since the last call.
  [[nodiscard]] uint64_t take_evicted();

 private:
  [[nodiscard]] uint64_t hash_of_written() const { return siphash(key_, written_); }

  SipKey key_ = random_sip_key();
  std::vector<Tally> tallies_;
  std::vector<uint64_t> identities_;
  uint64_t evicted_ = 0;
  std::string written_;  // scratch: the values that are hashed
};

}  // namespace tiercel::rule
