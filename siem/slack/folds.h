// Folds: which alerts go into which message, and when. It keeps no clock and sends nothing: times are given to it.
// One thread.
//
// A *place* is where a rule hit: the container (by its id), or the host, and in it the program (proc.exepath and, for
// an interpreter, proc.script; what the agent says about itself has one place). The key is the rule and the place.
//
//  - The first alert of a key is due at once. Then the key's window opens; what comes in it is counted and due when it
//    ends, and the next window opens. A window without an alert ends the fold: the next alert is a first one again.
//  - A message holds everything that is due, whatever its rule, and every first alert that waits; so requests are
//    bounded, not what they count:
//      a rule of which nothing was told in the last window: request_gap after the last request;
//      a further place of a rule just told of: the more come, the longer they are gathered: request_gap, then a 15th,
//      a quarter, a half of the window, and back once a window brought none;
//      repeats: at their window's end, but half a window after the last request.
//    So n rules of any number of places in one window cost n + 7 requests at most, mostly far fewer.
//  - No more than kPlacesMax keys are kept apart; beyond, a rule's further places share one fold.
//  - A window of 0: nothing is folded; a message holds up to kUnfoldedMax alerts.
//  - When flush_rows wait, all are due.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/alert/alert.h"
#include "siem/forwarder.h"
#include "siem/slack/facts.h"

namespace tiercel::slack {

inline constexpr size_t kPlacesMax = 1'000;
inline constexpr size_t kUnfoldedMax = 5;
inline constexpr size_t kCommandsMax = 5;

struct FoldOptions {
  uint64_t window_ns = 60'000'000'000;
  uint64_t request_gap_ns = 1'050'000'000;  // Slack allows a message a second
  size_t flush_rows = 20'000;
};

// What a message says of one key.
struct Told {
  alert::AlertPtr alert;  // the first of those counted
  uint64_t count = 0;
  uint64_t first_ns = 0, last_ns = 0;  // since the epoch
  bool repeats = false;                // the first one was told before
  bool many_places = false;            // of further places together
  std::string program;                 // short, for a list
  std::string where;                   // the container's name or id; empty: the host
  std::vector<std::string> commands;   // different ones, the first kCommandsMax
  bool more_commands = false;
};

class Folds {
 public:
  explicit Folds(FoldOptions options);

  void take(siem::RowId id, const alert::AlertPtr& alert, uint64_t now_ns);
  [[nodiscard]] uint64_t due_ns() const;  // Service::kNever: nothing waits
  void hurry() { hurry_ = true; }

  struct Batch {
    std::vector<Told> told;
    std::vector<siem::RowId> rows;  // those that `told` counts
    std::vector<std::string> keys;
    bool more_places = false;  // of rules just told of
  };
  // What goes into a message now, and what does not wait for it; changes nothing.
  [[nodiscard]] Batch due(uint64_t now_ns) const;
  // A request ended, whatever came of it.
  void requested(uint64_t now_ns) { last_request_ns_ = now_ns; }
  // The batch is done with: told of, or (told = false) refused, so that the next alert is a first one again. Nothing
  // was taken since due().
  void settle(const Batch& batch, uint64_t now_ns, bool told);

  [[nodiscard]] size_t held() const { return held_; }
  [[nodiscard]] size_t places() const { return folds_.size(); }

 private:
  enum class Urgency : uint8_t { kNone, kNewRule, kNewPlace, kRepeat };
  struct Fold {
    Told now;  // count 0: nothing waits
    std::vector<siem::RowId> rows;
    std::string rule;
    Urgency urgency = Urgency::kNone;
    uint64_t window_end_ns = 0;  // 0: nothing was told
    uint64_t since_ns = 0;       // when the first of those that wait came
    uint64_t order = 0;
  };
  Fold& fold_of(const alert::Alert& alert, const Facts& facts, siem::RowId id, uint64_t now_ns);
  void forget_ended(uint64_t now_ns);
  void look_again();  // what is next due
  [[nodiscard]] uint64_t gather_ns(uint64_t now_ns) const;
  [[nodiscard]] uint64_t after_request(uint64_t since_ns, uint64_t gap_ns) const;
  void note(const Fold& fold);

  const FoldOptions options_;
  std::map<std::string, Fold> folds_;           // by key
  std::map<std::string, uint64_t> told_until_;  // by rule: the end of its last window
  size_t held_ = 0;
  uint64_t order_ = 0;
  uint64_t last_request_ns_ = 0;  // 0: none
  unsigned gathered_ = 0;         // messages with further places, one after the other
  uint64_t gathered_ns_ = 0;      // the last of them
  bool hurry_ = false;
  // The earliest of each urgency, kNever: none.
  uint64_t new_rule_ns_, new_place_ns_, window_end_ns_;
};

}  // namespace tiercel::slack
