// AttachWatch: what of the sensor is in the kernel, as a digest for the heartbeat, and whether a hook is gone that the
// agent did not take back: closed through a debugger, or detached. Pure but for its mutex: look() on one thread,
// the rest from any.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "agent/alert/report.h"
#include "agent/sensor/source.h"

namespace tiercel {

inline constexpr const char* kTamperedRule = "Tiercel internal: sensor tampered";

// Of programs, their code's tags and how they are attached, whatever the order; "" when nothing is.
[[nodiscard]] std::string digest_of(std::span<const sensor::AttachedHook> hooks);

// Nothing: nobody wrote to them.
[[nodiscard]] std::optional<alert::Report> maps_report(std::span<const sensor::MapGuard::Finding> findings);

class AttachWatch {
 public:
  struct State {
    std::string digest;
    uint64_t hooks = 0, gone = 0;
  };
  // Tells of each hook once, and again if it goes after it was there anew.
  [[nodiscard]] std::optional<alert::Report> look(std::span<const sensor::AttachedHook> hooks);
  [[nodiscard]] State state() const;

 private:
  using Place = std::pair<std::string, uint16_t>;
  std::set<Place> told_;
  mutable std::mutex mutex_;
  State state_;  // under mutex_
};

}  // namespace tiercel
