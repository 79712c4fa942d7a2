// Heartbeat: the agent's sign of life, with the digest of the rules that run, so that a manager can tell which hosts
// run which rules, and which have fallen silent. Deciding thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/alert/report.h"
#include "agent/status.h"

namespace tiercel {

inline constexpr std::string_view kHeartbeatRule = "Tiercel internal: heartbeat";

class Heartbeat {
 public:
  // 0: none.
  void set_interval_s(uint32_t interval_s) { interval_s_ = interval_s; }
  // One is due at once: after the start and when the rules changed.
  void soon() { last_ns_ = 0; }
  // Likewise when the hooks are others than at the last call.
  void follow(const std::string& attached_digest);
  // Asked every second. True: send one now.
  bool due(uint64_t now_ns);

 private:
  uint32_t interval_s_ = 0;
  uint64_t last_ns_ = 0;
  std::string attached_;
};

[[nodiscard]] alert::Report heartbeat_report(uint64_t time_ns, const Status& status);

// Rules that were refused: what the host detects is not what its files say.
[[nodiscard]] alert::Report refusal_report(const reload::Outcome& outcome);

}  // namespace tiercel
