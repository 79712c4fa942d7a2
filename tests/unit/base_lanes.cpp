// Lanes: who is stuck keeps its own lane busy and nobody else's. Waits are bounded by conditions, never judged by a
// clock.
#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "agent/base/lanes.h"

using namespace tiercel;

namespace {

constexpr int kLongMs = 60'000;  // nobody gets there

// A door that work can be kept at.
class Door {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_for_somebody() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

}  // namespace

TEST_CASE("work that is quick is done when run() returns") {
  Lanes lanes;
  int sum = 0;
  for (int n = 1; n <= 100; ++n)
    CHECK(lanes.run(
              static_cast<uint64_t>(n % 3), [&sum, n] { sum += n; }, kLongMs) == Lanes::Outcome::kDone);
  CHECK(sum == 5050);
  CHECK(lanes.stuck() == 0);
}

TEST_CASE("a lane that is stuck is not waited for again, and others go on") {
  Lanes lanes;
  auto door = std::make_shared<Door>();
  auto ran = std::make_shared<std::atomic<int>>(0);
  CHECK(lanes.run(
            1, [door] { door->pass(); }, 1) == Lanes::Outcome::kLater);
  CHECK(lanes.stuck() == 1);
  // at once, though it would wait for a minute
  for (int n = 0; n < 10; ++n)
    CHECK(lanes.run(
              1, [ran] { ++*ran; }, kLongMs) == Lanes::Outcome::kLater);
  CHECK(lanes.run(
            2, [] {}, kLongMs) == Lanes::Outcome::kDone);
  CHECK(*ran == 0);
  door->open();
  // in order: when the last is done, so are those before it
  Lanes::Outcome last = Lanes::Outcome::kLater;
  while (last != Lanes::Outcome::kDone)
    last = lanes.run(
        1, [] {}, kLongMs);
  CHECK(*ran == 10);
  CHECK(lanes.stuck() == 0);
}

TEST_CASE("a lane takes only so much") {
  Lanes lanes({.lanes_max = 4, .waiting_max = 3});
  auto door = std::make_shared<Door>();
  CHECK(lanes.run(
            1, [door] { door->pass(); }, 0) == Lanes::Outcome::kLater);
  door->wait_for_somebody();  // it runs, and does not count as waiting
  for (int n = 0; n < 3; ++n)
    CHECK(lanes.run(
              1, [] {}, 0) == Lanes::Outcome::kLater);
  CHECK(lanes.run(
            1, [] {}, 0) == Lanes::Outcome::kRefused);
  door->open();
}

TEST_CASE("owners beyond the limit share a lane") {
  Lanes lanes({.lanes_max = 3, .waiting_max = 100});
  auto door = std::make_shared<Door>();
  for (uint64_t owner = 1; owner <= 2; ++owner)
    CHECK(lanes.run(
              owner, [] {}, kLongMs) == Lanes::Outcome::kDone);
  CHECK(lanes.run(
            50, [door] { door->pass(); }, 1) == Lanes::Outcome::kLater);
  CHECK(lanes.run(
            60, [] {}, kLongMs) == Lanes::Outcome::kLater);  // the same lane
  CHECK(lanes.run(
            1, [] {}, kLongMs) == Lanes::Outcome::kDone);
  door->open();
}

TEST_CASE("the end does not wait for what is stuck") {
  auto door = std::make_shared<Door>();
  auto left = std::make_shared<std::atomic<bool>>(false);
  {
    Lanes lanes;
    lanes.run(
        1, [door, left] { door->pass(), *left = true; }, 1);
    lanes.run(
        1, [left] { FAIL("ran after the end"); }, 0);
  }
  CHECK_FALSE(*left);
  door->open();
}
