#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "siem/forwarder_work.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Lane;
using alert::Priority;
using Texts = std::vector<std::string>;

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

// Sends its rows one by one; what comes of each is up to the test.
class ServiceOfTest final : public Service {
 public:
  struct Item {
    RowId id;
    std::string text;
  };
  void take(RowId id, const alert::AlertPtr& alert, uint64_t /*now_ns*/) override {
    taken.push_back(alert->id);
    queue.push_back({id, alert->id});
  }
  [[nodiscard]] uint64_t due_ns() const override { return queue.empty() ? kNever : hurried ? 0 : window_ends_ns; }
  Attempt send(uint64_t /*now_ns*/) override {
    ++sends;
    Attempt attempt;
    attempt.answer = answer;
    attempt.retry_after_ms = retry_after_ms;
    attempt.result = failures > 0 ? Attempt::Result::kRetry : Attempt::Result::kTaken;
    if (failures > 0) {
      --failures;
      return attempt;
    }
    const Item item = from_the_end ? queue.back() : queue.front();
    if (from_the_end)
      queue.pop_back();
    else
      queue.pop_front();
    if (refuses.contains(item.text)) attempt.result = Attempt::Result::kRefused;
    attempt.settled = {item.id};
    sent.push_back(item.text);
    return attempt;
  }
  void hurry() override { hurried = true; }
  void stop() override {}

  std::deque<Item> queue;
  Texts taken, sent;
  std::set<std::string> refuses;
  unsigned sends = 0, failures = 0;
  int retry_after_ms = 0;
  std::string answer = "HTTP 200 OK";
  uint64_t window_ends_ns = 0;
  bool from_the_end = false;
  bool hurried = false;
};

struct Scene {
  explicit Scene(ForwarderOptions options = {}, const std::string& folder = {}) {
    options.name = "there";
    SpoolOptions spool_options;
    spool_options.folder = folder;
    spool = make_spool(spool_options, metrics, clock, reports);
    work.emplace(
        *spool, options, service, metrics, clock, reports, [] {}, 1);
    REQUIRE(spool->open());
  }
  ~Scene() { spool->close(); }
  void append(Priority priority, const std::string& text, std::vector<uint64_t> refused_by = {}) {
    auto made = std::make_shared<alert::Alert>(*make_alert(priority, text, "Rule of " + text));
    made->refused_by = std::move(refused_by);
    spool->append(made);
  }
  void steps(int n) {
    for (int i = 0; i < n; ++i) work->step();
  }
  [[nodiscard]] uint64_t wait_ms() { return (work->step() - clock.monotonic_ns()) / kNsPerMs; }
  [[nodiscard]] uint64_t cursor(Lane lane) const { return spool->cursor(0, lane); }

  FakeClock clock;
  Metrics metrics;
  alert::Reports reports{metrics};
  std::unique_ptr<Spool> spool;
  ServiceOfTest service;
  std::optional<ForwarderWork> work;
};

}  // namespace

TEST_CASE("forwarder: both lanes, critical first; a priority and a condition pass rows by") {
  ForwarderOptions options;
  options.least_priority = Priority::kNotice;
  options.condition = 77;
  Scene scene(options);
  scene.append(Priority::kWarning, "warning");
  scene.append(Priority::kDebug, "unwanted");
  scene.append(Priority::kCritical, "critical");
  scene.append(Priority::kCritical, "refused by the condition", {5, 77});
  scene.append(Priority::kError, "refused by another's", {5, 78});
  scene.steps(4);
  CHECK(scene.service.taken == Texts{"critical", "warning", "refused by another's"});
  CHECK(scene.service.sent == scene.service.taken);
  CHECK(scene.cursor(Lane::kCritical) == 4);
  CHECK(scene.cursor(Lane::kRest) == 5);
  CHECK(scene.metrics.counter("tiercel_output_delivered_total", "", "there").value() == 3);
  CHECK(scene.metrics.sum("tiercel_output_lost_total") == 0);
  CHECK(scene.work->step() == Service::kNever);
}

TEST_CASE("forwarder: the place is before the first row that is not settled, whatever came after it") {
  Scene scene;
  scene.service.from_the_end = true;
  for (const char* text : {"1", "2", "3"}) scene.append(Priority::kError, text);
  scene.append(Priority::kDebug, "4");
  scene.steps(3);
  CHECK(scene.service.sent == Texts{"4", "3", "2"});
  CHECK(scene.cursor(Lane::kRest) == 0);
  CHECK(scene.work->status().held == 1);
  scene.steps(1);
  CHECK(scene.cursor(Lane::kRest) == 4);
  CHECK(scene.work->status().held == 0);
  CHECK(scene.service.taken.size() == 4);  // none was read twice
}

TEST_CASE("forwarder: what was not settled is read again after a restart") {
  const TempDir dir;
  {
    Scene scene({}, dir / "spool");
    scene.service.failures = 1'000'000;
    for (const char* text : {"1", "2", "3"}) scene.append(Priority::kError, text);
    scene.steps(1);
    CHECK(scene.service.taken.size() == 3);
    CHECK(scene.service.sends == 1);
  }
  Scene scene({}, dir / "spool");
  scene.steps(4);
  CHECK(scene.service.sent == Texts{"1", "2", "3"});
  CHECK(scene.cursor(Lane::kRest) == 3);
}

TEST_CASE("forwarder: holds so many rows of a lane and no more; the critical lane has room of its own") {
  ForwarderOptions options;
  options.held_rows_max = 3;
  Scene scene(options);
  scene.service.failures = 1;
  for (int i = 0; i < 100; ++i) scene.append(Priority::kError, "rest " + std::to_string(i));
  scene.steps(2);
  CHECK(scene.service.taken.size() == 3);
  scene.append(Priority::kAlert, "critical");
  scene.steps(1);
  CHECK(scene.service.taken.size() == 4);
  CHECK(scene.service.taken.back() == "critical");
  scene.clock.advance_ms(250);
  scene.steps(200);
  CHECK(scene.service.sent.size() == 101);
  CHECK(scene.cursor(Lane::kRest) == 100);
}

TEST_CASE("forwarder: waits longer after each failure, and not at all after an answer") {
  ForwarderOptions options;
  options.retry_ms_min = 100;
  options.retry_ms_max = 10'000;
  options.breaker_failures = 100;
  uint64_t longest = 0;
  for (int life = 0; life < 50; ++life) {
    Scene scene(options);
    scene.service.failures = 12;
    scene.append(Priority::kError, "it");
    uint64_t limit_ms = 100;
    for (unsigned n = 1; n <= 12; ++n) {
      CHECK(scene.wait_ms() <= std::min<uint64_t>(limit_ms, 10'000));
      CHECK(scene.service.sends == n);
      const uint64_t wait_ms = scene.wait_ms();  // no attempt before its time
      longest = std::max(longest, wait_ms);
      CHECK(scene.service.sends == n);
      scene.clock.advance_ms(wait_ms);
      limit_ms *= 2;
    }
    CHECK(scene.work->step() <= scene.clock.monotonic_ns());
    CHECK(scene.service.sent == Texts{"it"});
    CHECK(scene.work->status().failures == 12);
    CHECK(scene.work->status().requests == 13);
  }
  CHECK(longest > 100);
}

TEST_CASE("patience: the jitter is full: anything from nothing to the doubled time") {
  uint64_t least = UINT64_MAX, most = 0;
  for (uint64_t seed = 0; seed < 1'000; ++seed) {
    Patience patience({.retry_ms_min = 100, .retry_ms_max = 60'000, .breaker_failures = 9}, seed);
    patience.failed(0, 0);
    patience.failed(0, 0);
    patience.failed(0, 0);
    least = std::min(least, patience.next_ns() / kNsPerMs);
    most = std::max(most, patience.next_ns() / kNsPerMs);
  }
  CHECK(least < 20);
  CHECK(most > 380);
  CHECK(most <= 400);
}

TEST_CASE("forwarder: what the service asked for goes before the back-off, and does not open the breaker") {
  Scene scene;
  scene.service.failures = 20;
  scene.service.retry_after_ms = 7'000;
  scene.append(Priority::kError, "it");
  for (unsigned n = 1; n <= 20; ++n) {
    CHECK(scene.wait_ms() == 7'000);
    CHECK(scene.wait_ms() == 7'000);
    CHECK(scene.service.sends == n);
    scene.clock.advance_ms(7'000);
  }
  CHECK_FALSE(scene.work->status().open);
  scene.steps(1);
  CHECK(scene.service.sent == Texts{"it"});
}

TEST_CASE("forwarder: the breaker opens after so many failures, tries now and then, and closes at the first answer") {
  ForwarderOptions options;
  options.retry_ms_max = 60'000;
  options.breaker_failures = 5;
  Scene scene(options);
  scene.service.failures = 8;
  scene.service.answer = "HTTP 500 Internal Server Error";
  scene.append(Priority::kError, "it");
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(scene.work->status().open);
    scene.clock.advance_ms(scene.wait_ms());
  }
  CHECK(scene.work->status().open);
  CHECK(scene.work->status().last_answer == "HTTP 500 Internal Server Error");
  for (unsigned n = 6; n <= 8; ++n) {
    CHECK(scene.wait_ms() == 60'000);
    CHECK(scene.service.sends == n);
    CHECK(scene.work->status().open);
    scene.clock.advance_ms(60'000);
  }
  scene.service.answer = "HTTP 200 OK";
  scene.steps(1);
  CHECK_FALSE(scene.work->status().open);
  CHECK(scene.work->status().last_answer == "HTTP 200 OK");
  CHECK(scene.service.sent == Texts{"it"});
}

TEST_CASE("forwarder: what is refused for good is counted and reported, at most once a minute, and never for itself") {
  Scene scene;
  scene.service.answer = "HTTP 400 Bad Request";
  scene.service.refuses = {"bad", "worse", "worst", "told"};
  for (const char* text : {"bad", "good", "worse", "worst"}) scene.append(Priority::kError, text);
  scene.steps(5);
  CHECK(scene.service.sent.size() == 4);
  CHECK(scene.cursor(Lane::kRest) == 4);
  CHECK(scene.metrics.counter("tiercel_output_lost_total", "", "there").value() == 3);
  CHECK(scene.metrics.counter("tiercel_output_delivered_total", "", "there").value() == 1);
  auto reports = scene.reports.take();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].rule == "Tiercel internal: alerts lost");
  CHECK(reports[0].fields[0].first == "lost");
  CHECK(std::get<uint64_t>(reports[0].fields[0].second.value) == 1);
  CHECK(reports[0].message.find("there (HTTP 400 Bad Request): Rule of bad=1") != std::string::npos);
  CHECK(scene.wait_ms() == 60'000);
  scene.clock.advance_ms(60'000);
  scene.steps(1);
  reports = scene.reports.take();
  REQUIRE(reports.size() == 1);
  CHECK(std::get<uint64_t>(reports[0].fields[0].second.value) == 2);
  CHECK(reports[0].message.find("Rule of worse=1; Rule of worst=1") != std::string::npos);

  scene.clock.advance_ms(60'000);
  scene.spool->append(make_alert(Priority::kCritical, "told", "Tiercel internal: alerts lost"));
  scene.steps(3);
  CHECK(scene.metrics.counter("tiercel_output_lost_total", "", "there").value() == 4);
  CHECK(scene.reports.take().empty());
}

TEST_CASE("forwarder: at the end a window does not wait, and a service that fails or asks to wait ends it") {
  SUBCASE("what waits for its window is sent") {
    Scene scene;
    scene.service.window_ends_ns = scene.clock.monotonic_ns() + 60'000 * kNsPerMs;
    scene.append(Priority::kError, "it");
    CHECK(scene.wait_ms() == 60'000);
    scene.work->hurry();
    CHECK_FALSE(scene.work->finished());
    scene.steps(2);
    CHECK(scene.work->finished());
    CHECK(scene.service.sent == Texts{"it"});
  }
  SUBCASE("one that fails is tried again soon, a few times") {
    Scene scene;
    scene.service.failures = 3;
    scene.append(Priority::kError, "it");
    scene.work->hurry();
    for (int i = 0; i < 4; ++i) {
      const uint64_t wait_ms = scene.wait_ms();
      CHECK(wait_ms <= 250);
      scene.clock.advance_ms(wait_ms);
    }
    scene.steps(1);
    CHECK(scene.work->finished());
    CHECK(scene.service.sent == Texts{"it"});
  }
  SUBCASE("one that is down is given up") {
    Scene scene;
    scene.service.failures = 1'000;
    scene.append(Priority::kError, "it");
    scene.work->hurry();
    for (int i = 0; i < 5; ++i) {
      CHECK_FALSE(scene.work->finished());
      scene.clock.advance_ms(scene.wait_ms());
    }
    CHECK(scene.work->finished());
    CHECK(scene.cursor(Lane::kRest) == 0);
  }
  SUBCASE("one that asked to wait is not asked again") {
    Scene scene;
    scene.service.failures = 1;
    scene.service.retry_after_ms = 30'000;
    scene.append(Priority::kError, "it");
    scene.steps(1);
    scene.work->hurry();
    CHECK(scene.work->finished());
    CHECK(scene.service.sends == 1);
  }
  SUBCASE("more rows than it may hold are sent as well") {
    ForwarderOptions options;
    options.held_rows_max = 1;
    Scene scene(options);
    for (int i = 0; i < 10; ++i) scene.append(Priority::kError, std::to_string(i));
    scene.work->hurry();
    int steps = 0;
    for (; !scene.work->finished() && steps < 100; ++steps) scene.work->step();
    CHECK(scene.service.sent.size() == 10);
  }
}

namespace {

// Its send() blocks until stop().
class HangingService final : public Service {
 public:
  void take(RowId /*id*/, const alert::AlertPtr& /*alert*/, uint64_t /*now_ns*/) override { ++waiting_; }
  [[nodiscard]] uint64_t due_ns() const override { return waiting_ > 0 ? 0 : kNever; }
  Attempt send(uint64_t /*now_ns*/) override {
    std::unique_lock lock(mutex_);
    sending = true;
    stopped_changed_.wait(lock, [this] { return stopped_; });
    return {};
  }
  void stop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    stopped_changed_.notify_all();
  }
  std::atomic<bool> sending{false};

 private:
  int waiting_ = 0;
  std::mutex mutex_;
  std::condition_variable stopped_changed_;
  bool stopped_ = false;
};

}  // namespace

TEST_CASE("forwarder: its thread delivers as rows come; one that hangs delays no other, and can be stopped") {
  Metrics metrics;
  const SystemClock clock;
  alert::Reports reports(metrics);
  auto spool = make_memory_spool({}, metrics);
  auto hanging = std::make_unique<HangingService>();
  HangingService& hangs = *hanging;
  auto stuck = make_forwarder(*spool, {.name = "stuck"}, std::move(hanging), metrics, clock, reports);
  auto well = make_forwarder(*spool, {.name = "well", .retry_ms_min = 1, .retry_ms_max = 2},
                             std::make_unique<ServiceOfTest>(), metrics, clock, reports);
  REQUIRE(spool->open());
  REQUIRE(stuck->start());
  REQUIRE(well->start());
  for (int i = 0; i < 1'000; ++i) spool->append(make_alert(Priority::kError, std::to_string(i)));
  auto eventually = [](auto&& predicate) {
    for (int i = 0; i < kGenerousMs; ++i) {
      if (predicate()) return true;
      ::usleep(1'000);
    }
    return false;
  };
  CHECK(eventually([&] { return well->status().taken == 1'000; }));
  CHECK(eventually([&] { return hangs.sending.load(); }));
  CHECK(stuck->status().taken == 0);
  stuck->stop(1);
  well->stop(kGenerousMs);
  spool->close();
  CHECK(spool->waiting()[0].rows == 1'000);
  CHECK(spool->waiting()[1].rows == 0);
}
