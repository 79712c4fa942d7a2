// Canaries: does each hook still tell? With each self-test the child makes, for every event type that the rules ask
// for, a call that does nothing and fails (agent/base/canary_calls.h). Its record has to come along the road of all
// records; a hook whose canary stays away twice in a row while nothing was lost has gone deaf: somebody detached it, or
// wrote into its maps ("Tiercel internal: hook deaf"). A hook that never gave a sound is not called deaf: this kernel
// has no such call, or the hook sits where a call that fails does not come by. counts() tells how many.
//
// The records are known by the child's pid and its secret name, and go no further than see(): rules do not alert on
// them. So a canary proves hook, ring and reader. One record of each round takes the rest of the road: it is made an
// event, a rule of its own matches it, and its alert ("Tiercel internal: canary", routine) goes to the spool and the
// manager now and then.
//
// Deciding thread; counts() from any.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "agent/base/result.h"
#include "bpf/schema/event.h"

namespace tiercel {

inline constexpr std::string_view kDeafRule = "Tiercel internal: hook deaf";

class Canaries {
 public:
  // Starts the child (start_canaries(), or the broker's).
  using Start = std::function<Result<pid_t>(const std::string& name, std::span<const uint8_t> calls)>;
  // Do the rules ask for events of that type?
  using Wanted = std::function<bool(uint16_t type)>;
  // Judges one record by the canaries' own rule. False: it did not match.
  using Prove = std::function<bool(std::span<const std::byte> record)>;

  Canaries(Start start, Metrics& metrics);
  void on_wanted(Wanted wanted) { wanted_ = std::move(wanted); }
  void on_prove(Prove prove) { prove_ = std::move(prove); }

  // SelfTest::StartChild: the child of that name, and what it has to do besides ending.
  Result<> begin(const std::string& name);
  // Each record that came; cheap while no child is awaited. True: it is a canary's, and for nobody else.
  bool see(std::span<const std::byte> bytes, const Clock& clock);
  // Each second. lost: records that were lost in the kernel since the start, for whatever reason.
  std::vector<alert::Report> look(uint64_t lost);
  // True once after canaries stayed away for the first time: another child should be asked at once.
  bool take_doubt() { return std::exchange(doubt_, false); }
  // The alert that a round went all the way for: with the heartbeat, so that a manager sees how long the road takes.
  [[nodiscard]] std::optional<alert::Report> proof() const;

  struct Counts {
    size_t heard = 0, silent = 0;   // silent: never heard
    std::vector<std::string> deaf;  // names of events
    uint64_t latency_ns = 0;        // from the last proof's system call to its alert; 0: there was none
  };
  [[nodiscard]] Counts counts() const;

 private:
  struct Hook {
    bool awaited = false, came = false;  // in this round
    bool heard = false, deaf = false;    // ever, and now
    unsigned missed = 0;                 // rounds in a row
  };
  void forget();
  void judge(std::vector<alert::Report>& reports);
  void prove(std::span<const std::byte> bytes, const Clock& clock);

  Start start_;
  Wanted wanted_ = [](uint16_t) { return false; };
  Prove prove_;
  std::string name_;  // of the child that is awaited; empty: none
  pid_t pid_ = 0;
  bool ended_ = false;            // its end came: what it did came before
  unsigned looks_ = 0;            // since it began
  std::optional<uint64_t> lost_;  // when it began
  bool doubt_ = false, proved_ = false;
  std::atomic<uint64_t> road_ns_ = 0;  // from the call to the alert, of the last proof
  std::string proof_of_;
  mutable std::mutex mutex_;  // of hooks_
  std::map<uint16_t, Hook> hooks_;
  Counter &tries_, &misses_, &proofs_;
};

// Of the real host: the broker's child where there is a broker, else our own.
[[nodiscard]] Result<pid_t> start_canary_child(const std::string& name, std::span<const uint8_t> calls);

}  // namespace tiercel
