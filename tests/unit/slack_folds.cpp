#include "siem/slack/folds.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::slack;
using siem::RowId;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNever = siem::Service::kNever;

alert::AlertPtr hit(const std::string& rule, const std::string& container = "", const std::string& exe = "/bin/x",
                    const std::string& command = "x") {
  auto made = std::make_shared<alert::Alert>();
  made->rule = rule;
  made->source = "syscall";
  made->event_json = R"({"tiercel":{"container":{"id":")" + container + R"("},"proc":{"exepath":")" + exe +
                     R"(","cmdline":")" + command + R"("}}})";
  return made;
}

// Feeds folds at a time of its own and looks at what comes out.
struct Bench {
  explicit Bench(FoldOptions options = {}) : folds(options) {}
  void take(const alert::AlertPtr& alert) { folds.take({alert::Lane::kRest, ++seq}, alert, now); }
  Folds::Batch send() {
    Folds::Batch batch = folds.due(now);
    folds.requested(now);
    folds.settle(batch, now, true);
    return batch;
  }
  Folds folds;
  uint64_t now = 100 * kSecond, seq = 0;
};

}  // namespace

TEST_CASE("Slack: the first alert of a key at once, repeats at the window's end as one, then again a first one") {
  Bench bench;
  CHECK(bench.folds.due_ns() == kNever);
  bench.take(hit("R"));
  CHECK(bench.folds.due_ns() == bench.now);
  CHECK(bench.send().told.size() == 1);
  CHECK(bench.folds.due_ns() == kNever);

  const uint64_t begin = bench.now;
  for (int i = 0; i < 7; ++i) {
    bench.now += kSecond;
    bench.take(hit("R", "", "/bin/x", "x " + std::to_string(i)));
  }
  CHECK(bench.folds.due_ns() == begin + 60 * kSecond);
  bench.now = begin + 60 * kSecond;
  const auto batch = bench.send();
  REQUIRE(batch.told.size() == 1);
  CHECK(batch.told[0].count == 7);
  CHECK(batch.told[0].repeats);
  CHECK(batch.told[0].commands.size() == kCommandsMax);
  CHECK(batch.told[0].more_commands);
  CHECK(batch.rows.size() == 7);

  bench.now += 61 * kSecond;  // a window without an alert
  bench.take(hit("R"));
  CHECK(bench.folds.due_ns() == bench.now);
  CHECK_FALSE(bench.send().told[0].repeats);
}

TEST_CASE("Slack: the key is the rule, the container and the program") {
  Bench bench;
  for (const auto& alert : {hit("R"), hit("R", "c1"), hit("R", "c2"), hit("R", "c1", "/bin/y"), hit("S", "c1")})
    bench.take(alert);
  for (const auto& alert : {hit("R"), hit("R", "c1", "/bin/x", "other arguments")}) bench.take(alert);
  CHECK(bench.send().told.size() == 5);
}

TEST_CASE("Slack: further places of a rule that was told of are gathered longer the more come, another rule is not") {
  Bench bench;
  bench.take(hit("R", "c0"));
  bench.send();
  uint64_t last = bench.now;
  int place = 0;
  for (const uint64_t gap_ms : {1'050, 4'000, 15'000, 30'000, 30'000}) {
    bench.now += 1'000'000;
    bench.take(hit("R", "further" + std::to_string(++place)));
    CHECK(bench.folds.due_ns() == last + gap_ms * 1'000'000);
    bench.now = last = bench.folds.due_ns();
    bench.send();
  }
  bench.now += 2 * kSecond;
  bench.take(hit("R", "one more"));
  bench.take(hit("Another rule"));
  CHECK(bench.folds.due_ns() == bench.now);
  CHECK(bench.send().told.size() == 2);  // what waits goes along
}

TEST_CASE("Slack: keys are bounded, what is beyond shares one fold and is counted") {
  Bench bench;
  for (size_t i = 0; i < kPlacesMax + 500; ++i) bench.take(hit("R", "c" + std::to_string(i)));
  CHECK(bench.folds.places() == kPlacesMax + 1);
  const auto batch = bench.send();
  uint64_t sum = 0, many = 0;
  for (const Told& told : batch.told) {
    sum += told.count;
    if (told.many_places) many += told.count;
  }
  CHECK(sum == kPlacesMax + 500);
  CHECK(many == 500);
}

TEST_CASE("Slack: when very much waits, or the end is near, it is due") {
  FoldOptions options;
  options.flush_rows = 100;
  Bench bench(options);
  bench.take(hit("R"));
  bench.send();
  for (int i = 0; i < 99; ++i) bench.take(hit("R"));
  CHECK(bench.folds.due_ns() > bench.now + 10 * kSecond);
  bench.take(hit("R"));
  CHECK(bench.folds.due_ns() == bench.now + options.request_gap_ns);
  bench.now += options.request_gap_ns;
  CHECK(bench.send().told[0].count == 100);
  bench.take(hit("R"));
  bench.folds.hurry();
  CHECK(bench.folds.due_ns() <= bench.now);
  CHECK(bench.send().rows.size() == 1);
  CHECK(bench.folds.due_ns() == kNever);
}

TEST_CASE("Slack: what was refused was not told: the next one is a first one") {
  Bench bench;
  bench.take(hit("R"));
  const auto batch = bench.folds.due(bench.now);
  bench.folds.requested(bench.now);
  bench.folds.settle(batch, bench.now, false);
  CHECK(bench.folds.held() == 0);
  bench.now += 2 * kSecond;
  bench.take(hit("R"));
  CHECK_FALSE(bench.folds.due(bench.now).told.at(0).repeats);
}

TEST_CASE("Slack: random alerts, times and failures: every row is told once, counts are exact, requests keep apart") {
  std::mt19937 random(1);
  const auto below = [&](uint32_t most) { return static_cast<uint32_t>(random() % most); };
  for (int round = 0; round < 60; ++round) {
    FoldOptions options;
    options.window_ns = std::vector<uint64_t>{0, kSecond, 10 * kSecond, 60 * kSecond}[below(4)];
    if (below(3) == 0) options.flush_rows = 50;
    Bench bench(options);
    std::map<std::string, uint64_t> fed, told;
    std::set<uint64_t> rows;
    uint64_t last_request = 0;
    const auto send_due = [&](bool may_fail) {
      while (bench.folds.due_ns() <= bench.now) {
        if (last_request > 0) CHECK(bench.now >= last_request + options.request_gap_ns);
        last_request = bench.now;
        const auto batch = bench.folds.due(bench.now);
        REQUIRE_FALSE(batch.told.empty());
        bench.folds.requested(bench.now);
        if (may_fail && below(4) == 0) continue;  // nothing is settled
        bench.folds.settle(batch, bench.now, true);
        uint64_t counted = 0;
        for (const Told& each : batch.told) {
          told[each.alert->rule] += each.count;
          counted += each.count;
        }
        CHECK(counted == batch.rows.size());
        for (const RowId& row : batch.rows) CHECK(rows.insert(row.seq).second);
      }
    };
    const uint32_t rules = 1 + below(8), places = 1 + below(40);
    for (int i = 0; i < 400; ++i) {
      bench.now += below(3) == 0 ? below(2'000'000'000) : below(1'000);
      send_due(true);
      const std::string rule = "R" + std::to_string(below(rules));
      bench.take(hit(rule, "c" + std::to_string(below(places))));
      ++fed[rule];
    }
    for (int i = 0; bench.folds.due_ns() != kNever && i < 2'000; ++i) {
      bench.now = std::max(bench.now, bench.folds.due_ns());
      send_due(false);
    }
    CHECK(told == fed);
    CHECK(rows.size() == 400);
    CHECK(bench.folds.held() == 0);
  }
}
