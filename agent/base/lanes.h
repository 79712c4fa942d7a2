// Lanes: threads for work that takes as long as somebody's disk does, one for each owner of such a disk. Who asks waits
// a little for the answer and no longer; who is stuck (a network or user-space file system that hangs) keeps its own
// lane busy and nobody else's. Call from one thread; work runs on the lanes' threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

namespace tiercel {

class Lanes {
 public:
  struct Limits {
    size_t lanes_max = 16;      // owners beyond these share one
    size_t waiting_max = 1024;  // of one lane
  };
  Lanes() : Lanes(Limits{}) {}
  explicit Lanes(Limits limits);
  ~Lanes();  // does not wait for a lane that is stuck: its thread ends when the work does
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  enum class Outcome : uint8_t {
    kDone,     // within wait_ms
    kLater,    // it runs, or will: what it finds out must find its own way back
    kRefused,  // the lane has too much to do
  };
  // Work must own whatever it touches: it may run after Lanes is gone. Not waited for at all where an earlier wait on
  // that lane ran out and its work still runs.
  Outcome run(uint64_t owner, std::function<void()> work, int wait_ms);

  [[nodiscard]] size_t stuck() const;  // lanes whose work outlasted a wait and still runs

 private:
  struct Lane;
  Lane& lane_of(uint64_t owner);
  Limits limits_;
  std::unordered_map<uint64_t, std::shared_ptr<Lane>> lanes_;
};

}  // namespace tiercel
