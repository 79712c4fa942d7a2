// Vigil: when a witness (agent/witness.h) has something to say of the agent that it watches. Pure: times and signs come
// in, what to tell comes out, once for each time that the agent stops giving signs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/alert/report.h"

namespace tiercel {

inline constexpr const char* kAgentGoneRule = "Tiercel internal: agent gone";

class Vigil {
 public:
  // The deciding thread ticks once a second. Who stopped it shows in the kernel's state of the process; without that,
  // a host that is short of CPUs is given more time.
  static constexpr uint64_t kStoppedNs = 5'000'000'000;
  static constexpr uint64_t kSilentNs = 15'000'000'000;

  enum class How : uint8_t { kGone, kStopped, kTraced, kSilent };
  struct Sign {
    uint64_t now_ns = 0;  // on a clock that stands still while the host sleeps
    uint64_t ticks = 0;   // 0: the agent is not watching yet, and whatever happens is nobody's business
    bool gone = false;    // the process has ended
    char state = 'S';     // as in /proc/PID/stat
  };
  [[nodiscard]] std::optional<How> look(const Sign& sign);
  [[nodiscard]] uint64_t silent_ns(uint64_t now_ns) const { return now_ns - ticked_ns_; }

 private:
  uint64_t ticks_ = 0, ticked_ns_ = 0, looked_ns_ = 0;
  bool told_ = false;
};

// What became of it. A status as of wait(2), where the kernel tells (6.15).
struct Departure {
  Vigil::How how = Vigil::How::kGone;
  std::optional<int> status;
  int32_t pid = 0;
  uint64_t last_tick_ns = 0, now_ns = 0;  // since the epoch
};
[[nodiscard]] alert::Report departure_report(const Departure& departure);

// As the file that the next agent finds where no manager was there to be told; nothing: not one of ours.
[[nodiscard]] std::string kept_text(const alert::Report& report);
[[nodiscard]] std::optional<alert::Report> kept_report(const std::string& text);

}  // namespace tiercel
