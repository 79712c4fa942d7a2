#include <doctest/doctest.h>

#include <deque>
#include <random>

#include "agent/sensor/merge.h"
#include "agent/sensor/recording.h"
#include "decoders/encode.h"

#include <unistd.h>

#include <filesystem>

using namespace tiercel;
using namespace tiercel::sensor;

namespace {

// A ring in memory: heads may be busy, as the kernel's are while a program writes them.
struct FakeRing {
  enum class Head { kEmpty, kBusy, kReady };
  struct Item {
    uint64_t time_ns;
    int id;
    bool busy = false;
    __u16 type = EVT_execve;
  };
  struct Shown {
    ev_head head;
    int id;
  };
  std::deque<Item> items;
  Shown shown{};
  std::deque<Item> comes_later{};  // what is in the ring only at the second look
  Head peek(std::span<const std::byte>& out) {
    if (items.empty()) {
      items.swap(comes_later);
      return Head::kEmpty;
    }
    if (items.front().busy) return Head::kBusy;
    shown = {};
    shown.head.time_ns = items.front().time_ns;
    shown.head.type = items.front().type;
    shown.id = items.front().id;
    out = {reinterpret_cast<const std::byte*>(&shown), sizeof shown};
    return Head::kReady;
  }
  void consume() { items.pop_front(); }
};

std::vector<int> merged(FakeRing& vital, FakeRing& bulk) {
  std::vector<int> order;
  merge(
      vital, bulk,
      [&](std::span<const std::byte> bytes) {
        order.push_back(reinterpret_cast<const FakeRing::Shown*>(bytes.data())->id);
      },
      SIZE_MAX);
  return order;
}

constexpr uint64_t kMs = 1'000'000;

}  // namespace

TEST_CASE("rings are merged by time") {
  FakeRing vital{{{10 * kMs, 1}, {30 * kMs, 3}}}, bulk{{{20 * kMs, 2}, {40 * kMs, 4}}};
  CHECK(merged(vital, bulk) == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("a vital record of nearly the same time comes first: it may be the cause") {
  FakeRing vital{{{10 * kMs + 5, 1}}}, bulk{{{10 * kMs, 2}}};
  CHECK(merged(vital, bulk) == std::vector<int>{1, 2});
}

TEST_CASE("an end does not overtake a call of nearly the same time: it causes nothing") {
  FakeRing vital{{{10 * kMs + 5, 2, false, EVT_procexit}}}, bulk{{{10 * kMs, 1}}};
  CHECK(merged(vital, bulk) == std::vector<int>{1, 2});
}

TEST_CASE("a call that came between two looks is before the end that the second one shows") {
  FakeRing vital{{{10 * kMs + 5, 2, false, EVT_procexit}}}, bulk;
  bulk.comes_later = {{10 * kMs, 1}};
  CHECK(merged(vital, bulk) == std::vector<int>{1, 2});
}

TEST_CASE("a vital record that is being written holds the bulk ring back") {
  FakeRing vital{{{10 * kMs, 1, true}}}, bulk{{{20 * kMs, 2}}};
  CHECK(merged(vital, bulk).empty());
  vital.items.front().busy = false;
  CHECK(merged(vital, bulk) == std::vector<int>{1, 2});
}

TEST_CASE("a bulk record that is being written does not hold the vital ring back") {
  FakeRing vital{{{10 * kMs, 1}}}, bulk{{{5 * kMs, 2, true}}};
  CHECK(merged(vital, bulk) == std::vector<int>{1});
}

TEST_CASE("a recording comes back as it was, and a cut one as far as it goes") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("tiercel-rec-" + std::to_string(::getpid()))).string();
  auto recorder = Recorder::create(path, 42);
  REQUIRE(recorder.has_value());
  std::vector<decoders::RecordBuilder<ev_open>> made;
  for (int i = 0; i < 100; ++i) {
    auto& b = made.emplace_back(EVT_open);
    b.set_text(&ev_open::name, "/file/" + std::to_string(i));
    (*recorder)->write(b.bytes());
  }
  CHECK((*recorder)->finish().has_value());

  auto count = [&] {
    auto replay = open_recording(path);
    REQUIRE(replay.has_value());
    CHECK(replay->realtime_offset_ns == 42);
    size_t n = 0;
    replay->source->drain(
        [&](std::span<const std::byte> bytes) {
          CHECK(std::equal(bytes.begin(), bytes.end(), made[n].bytes().begin(), made[n].bytes().end()));
          ++n;
        },
        SIZE_MAX);
    CHECK(replay->source->finished());
    return n;
  };
  CHECK(count() == 100);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
  CHECK(count() == 99);
  std::filesystem::resize_file(path, 12);
  CHECK_FALSE(open_recording(path).has_value());
  std::filesystem::remove(path);
  CHECK_FALSE(open_recording(path).has_value());
}
