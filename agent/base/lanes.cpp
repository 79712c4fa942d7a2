#include "agent/base/lanes.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>

#include "agent/base/thread.h"

namespace tiercel {
namespace {

constexpr uint64_t kShared = UINT64_MAX;  // whose lane those beyond the limit share

}  // namespace

struct Lanes::Lane {
  std::mutex mutex;
  std::condition_variable more, less;
  std::deque<std::function<void()>> waiting;
  uint64_t asked = 0, done = 0;  // numbers of pieces of work
  uint64_t overdue = 0;          // somebody waited for this one in vain
  bool over = false;

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      more.wait(lock, [this] { return over || !waiting.empty(); });
      if (over) return;
      std::function<void()> next = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      next();
      next = nullptr;  // what it owns goes before anybody hears of it
      lock.lock();
      ++done;
      less.notify_all();
    }
  }
};

Lanes::Lanes(Limits limits) : limits_(limits) {}

Lanes::~Lanes() {
  for (auto& [owner, lane] : lanes_) {
    const std::lock_guard lock(lane->mutex);
    lane->over = true;
    lane->waiting.clear();
    lane->more.notify_all();
  }
}

Lanes::Lane& Lanes::lane_of(uint64_t owner) {
  if (auto it = lanes_.find(owner); it != lanes_.end()) return *it->second;
  if (owner != kShared && lanes_.size() + 1 >= limits_.lanes_max) return lane_of(kShared);
  auto lane = std::make_shared<Lane>();
  start_thread("reader", [lane] { lane->work(); }).detach();
  return *lanes_.emplace(owner, std::move(lane)).first->second;
}

Lanes::Outcome Lanes::run(uint64_t owner, std::function<void()> work, int wait_ms) {
  Lane* found = nullptr;
  try {
    found = &lane_of(owner);
  } catch (const std::system_error&) {  // no more threads, on a host that is out of them
    return Outcome::kRefused;
  }
  Lane& lane = *found;
  std::unique_lock lock(lane.mutex);
  if (lane.waiting.size() >= limits_.waiting_max) return Outcome::kRefused;
  lane.waiting.push_back(std::move(work));
  const uint64_t number = ++lane.asked;
  lane.more.notify_one();
  if (wait_ms <= 0 || lane.overdue > lane.done) return Outcome::kLater;
  if (lane.less.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return lane.done >= number; }))
    return Outcome::kDone;
  lane.overdue = number;
  return Outcome::kLater;
}

size_t Lanes::stuck() const {
  size_t out = 0;
  for (const auto& [owner, lane] : lanes_) {
    const std::lock_guard lock(lane->mutex);
    if (lane->overdue > lane->done) ++out;
  }
  return out;
}

}  // namespace tiercel
