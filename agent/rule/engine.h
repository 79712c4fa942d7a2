// The engine: an immutable RuleSet and the Matcher that runs it. A RuleSet is made by load.h, shared by pointer and
// swapped whole on reload; any thread may read it. A Matcher belongs to one thread and holds that thread's scratch.
//
//   Matcher matcher(rules);
//   for (const Match& match : matcher.match(event)) alert(rules->rule(match.rule), matcher.render(match, event));
//
// match() does not allocate for an event that no rule matches, unless a field's text has to be built.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/context/event.h"
#include "agent/rule/clues.h"
#include "agent/rule/dispatch.h"
#include "agent/rule/engine_types.h"
#include "agent/rule/format.h"
#include "agent/rule/match_watch.h"
#include "agent/rule/program.h"
#include "agent/rule/rule.h"
#include "agent/rule/scratch.h"
#include "agent/rule/threshold.h"
#include "agent/rule/value.h"
#include "agent/rule/verdict.h"
#include "bpf/schema/event.h"

namespace tiercel::rule {

enum class Matching : uint8_t { kFirst, kAll };  // Falco's rule_matching

// What a rule set is made of; filled by load.h, then frozen.
struct RuleSetParts {
  std::vector<Rule> rules;
  std::vector<Format> formats;             // one per rule
  std::vector<uint32_t> entries;           // one per rule: where its program starts
  std::vector<EventTypes> types;           // one per rule: the events for which it can be true
  std::vector<std::vector<Clues>> clues;   // one per rule: what to look for before it is run
  std::vector<std::vector<Clues>> pushed;  // one per rule: those that the kernel can look for (push_down.h)
  std::vector<bool> active;                // one per rule: enabled, severe enough, selected
  std::vector<Counting> counting;          // of the rules that count
  std::vector<uint32_t> counters;          // one per rule: its index in counting, or Counting::kNone
  Program program;                         // all rules' programs, distinct tests, distinct operands
  Matching matching = Matching::kFirst;
  VerdictParts verdicts;  // responses, and outputs' conditions
};

class RuleSet {
 public:
  explicit RuleSet(RuleSetParts parts);

  [[nodiscard]] size_t size() const { return parts_.rules.size(); }
  [[nodiscard]] size_t active_count() const;
  [[nodiscard]] const Rule& rule(RuleId id) const { return parts_.rules[id]; }
  [[nodiscard]] bool active(RuleId id) const { return parts_.active[id]; }
  [[nodiscard]] std::optional<RuleId> find(std::string_view name) const;
  [[nodiscard]] const Format& format(RuleId id) const { return parts_.formats[id]; }
  [[nodiscard]] const EventTypes& types(RuleId id) const { return parts_.types[id]; }

  // Events that some active rule can match; what else the agent needs (forks, exits) is not in it.
  [[nodiscard]] const EventTypes& event_types_needed() const { return needed_; }
  // Every field that an active rule's condition or output reads, and a condition over alerts: "evt.arg", and with its
  // argument "evt.arg[tuple]". It walks all programs: once per set.
  [[nodiscard]] std::set<std::string, std::less<>> fields_read() const;

  // The rule's program as text, for `tiercel rules explain`.
  [[nodiscard]] std::string explain(RuleId id) const;
  // SHA-free digest of what the set means (names, conditions, outputs, order): 16 hex digits.
  [[nodiscard]] const std::string& digest() const { return digest_; }

  // What is to be done about which alerts; with those that are off.
  [[nodiscard]] const std::vector<Response>& responses() const { return verdicts_.responses(); }
  [[nodiscard]] const Verdicts& verdicts() const { return verdicts_; }

  [[nodiscard]] const Dispatch& dispatch() const { return dispatch_; }
  [[nodiscard]] const RuleSetParts& parts() const { return parts_; }

 private:
  RuleSetParts parts_;
  Dispatch dispatch_;
  Verdicts verdicts_;
  EventTypes needed_;
  std::string digest_;
};

struct Match {
  RuleId rule = 0;
  context::PathView view = context::PathView::kLexical;  // kKernel: only the path that the kernel opened made it true
};

// A rule that counts, whose condition held for the event: how far the count is now.
struct Counted {
  RuleId rule = 0;
  Count count;
};

class Matcher {
 public:
  explicit Matcher(std::shared_ptr<const RuleSet> rules);

  // In matching order; valid until the next call. kFirst: at most one. A rule that counts is there for the event that
  // fills its count; one that only counted keeps none from matching.
  std::span<const Match> match(const context::Event& event);
  // The same, and tells the watch, whose event has begun, what was tried.
  std::span<const Match> match(const context::Event& event, MatchWatch& watch);
  // The output of a rule for the event that match() was last called with.
  [[nodiscard]] Rendered render(const Match& match, const context::Event& event);

  // Which responses the match's alert is for, and which outputs' conditions refuse it; valid until the next call.
  const Verdict& judge(const Match& match, const context::Event& event);
  // Of the agent's own report; responses are not asked about those.
  const Verdict& judge_report(const AlertFacts& facts);

  // The rules that count whose condition held for the last event, whether they fired or not; valid until the next call
  // of match().
  [[nodiscard]] std::span<const Counted> counted() const { return counted_; }
  // What the other one has counted for rules that are the same goes on here; the other one loses it.
  void go_on_from(Matcher& before) { tallies_.go_on_from(before.tallies_); }
  // Groups of events that were forgotten to make room, since the last call.
  [[nodiscard]] uint64_t take_groups_evicted() { return tallies_.take_evicted(); }

  [[nodiscard]] const std::shared_ptr<const RuleSet>& rules() const { return rules_; }

 private:
  template <class Watch>
  std::span<const Match> match_with(const context::Event& event, Watch& watch);
  // After holds(), whose view stands. False: the event counted, and that was all.
  [[nodiscard]] bool fires(RuleId id, const context::Event& event);
  // With which of its paths the event satisfies the rule.
  [[nodiscard]] std::optional<context::PathView> holds(RuleId id, const context::Event& event, bool two_paths);

  std::shared_ptr<const RuleSet> rules_;
  Scratch scratch_;
  Candidates candidates_;
  VerdictJudge judge_;
  std::vector<Match> matches_;
  std::vector<Counted> counted_;
  Tallies tallies_;
};

}  // namespace tiercel::rule
