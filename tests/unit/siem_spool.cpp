// The spool on a disk: what survives the end of an agent, limits, damage, a disk that takes nothing.
#include "siem/spool.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include "siem/spool_file.h"
#include "siem_support.h"
#include "spool_life.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Lane;
using alert::Priority;

namespace {

// As a power cut would leave it: the files as they are now, while the agent still has them open.
void copy_spool(const std::string& from, const std::string& to) {
  std::filesystem::create_directories(to);
  for (const char* name : {"/spool.db", "/spool.db-wal"})
    if (std::filesystem::exists(from + name)) std::filesystem::copy_file(from + name, to + name);
}

}  // namespace

TEST_CASE("spool: what the manager has not confirmed is given again, in order; the screen begins anew") {
  TempDir folder;
  {
    Life life(folder / "spool");
    REQUIRE(life.opened);
    life.append_many(20, Priority::kWarning, "w");
    life.append(Priority::kCritical, "c");
    const auto rows = life.spool->read(life.manager, Lane::kRest, 0, 5);
    life.spool->confirm(life.manager, Lane::kRest, rows.back().seq);
    life.spool->close();
    CHECK(life.spool->waiting()[0].rows == 16);
    CHECK(life.spool->waiting()[0].kept);
    CHECK_FALSE(life.spool->waiting()[1].kept);
  }
  Life life(folder / "spool");
  CHECK(life.left() == numbered("w", 5, 20));
  CHECK(life.left(Lane::kCritical) == Ids{"c"});
  CHECK(life.spool->read(life.screen, Lane::kRest, 0, 10).empty());
  CHECK(life.until([&] { return life.spool->counts().waiting == 16; }));
  life.append(Priority::kWarning, "new");
  CHECK(life.left().back() == "new");
  CHECK(life.spool->read(life.screen, Lane::kRest, 0, 10).front().alert->text_line.find("new") != std::string::npos);
}

TEST_CASE("spool: what was committed outlives a power cut, cursors too") {
  TempDir folder;
  Life life(folder / "spool");
  life.append_many(3'000, Priority::kWarning, "w", 900);
  REQUIRE(life.until([&] {
    return life.metrics.sum("tiercel_spool_commits_total") > 0 &&
           !life.spool->read(life.manager, Lane::kRest, 0, 1).empty();
  }));
  // All that is appended is on the disk within a commit or two: wait for the count of a reader of our own.
  REQUIRE(life.until([&] {
    auto file = SpoolFile::open(folder / "spool/spool.db");
    return file && (*file)->state() && (*file)->state()->rows[static_cast<size_t>(Priority::kWarning)] == 3'000;
  }));
  copy_spool(folder / "spool", folder / "cut1");
  life.spool->confirm(life.manager, Lane::kRest, 1'000);
  life.spool->confirm(life.screen, Lane::kRest, 3'000);
  REQUIRE(life.until([&] {
    auto file = SpoolFile::open(folder / "spool/spool.db");
    return file && (*file)->state() && (*file)->state()->rows[static_cast<size_t>(Priority::kWarning)] == 2'000;
  }));
  copy_spool(folder / "spool", folder / "cut2");
  CHECK(Life(folder / "cut1").left() == numbered("w", 0, 3'000));
  CHECK(Life(folder / "cut2").left() == numbered("w", 1'000, 3'000));
}

TEST_CASE("spool: rows beyond what memory keeps come from the disk, each once, while more are appended") {
  TempDir folder;
  SpoolOptions options;
  options.kept_bytes_max = 50'000;
  Life life(folder / "spool", options);
  Ids got;
  uint64_t after = 0;
  for (int round = 0; round < 40; ++round) {
    life.append_many(100, Priority::kNotice, "r" + std::to_string(round) + "-", 800);
    if (round < 20) continue;
    for (const Row& row : life.spool->read(life.manager, Lane::kRest, after, 150)) {
      got.push_back(row.alert->id);
      after = row.seq;
    }
  }
  for (;;) {
    const auto rows = life.spool->read(life.manager, Lane::kRest, after, 150);
    if (rows.empty()) break;
    for (const Row& row : rows) got.push_back(row.alert->id);
    after = rows.back().seq;
  }
  Ids all;
  for (int round = 0; round < 40; ++round)
    for (const std::string& id : numbered("r" + std::to_string(round) + "-", 0, 100)) all.push_back(id);
  CHECK(got == all);
  life.spool->confirm(life.manager, Lane::kRest, after);
  life.spool->confirm(life.screen, Lane::kRest, after);
  CHECK(life.until([&] { return life.spool->counts().waiting == 0; }));
}

TEST_CASE("spool: what is confirmed before the commit is never written") {
  TempDir folder;
  SpoolOptions options;
  Life life(folder / "spool", options);
  CHECK(life.spool->counts().waiting == 0);
  const uint64_t before = life.metrics.sum("tiercel_spool_commits_total");
  {
    Metrics metrics;
    SystemClock clock;
    alert::Reports reports(metrics);
    SpoolOptions slow;
    slow.folder = folder / "slow";
    slow.commit_ms = 300;
    auto spool = make_spool(slow, metrics, clock, reports);
    const auto reader = spool->add_reader({.name = "file", .keeps_place = true});
    REQUIRE(spool->open());
    spool->append(make_alert(Priority::kError, "quick"));
    spool->confirm(reader, Lane::kRest, spool->read(reader, Lane::kRest, 0, 1).back().seq);
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    CHECK(metrics.sum("tiercel_spool_commits_total") == 0);
  }
  CHECK(life.metrics.sum("tiercel_spool_commits_total") == before);
}

TEST_CASE("spool: the size limit takes the least severe first, whole rows, counted by rule, and says so") {
  TempDir folder;
  {
    SpoolOptions options;
    options.size_bytes_max = 1 << 20;
    options.kept_bytes_max = 1 << 16;
    Life life(folder / "spool", options);
    life.append_many(50, Priority::kCritical, "c", 900);
    for (int i = 0; i < 20; ++i) {
      life.append_many(50, Priority::kWarning, "w" + std::to_string(i) + "-", 900);
      life.append_many(50, Priority::kDebug, "d" + std::to_string(i) + "-", 900);
      CHECK(life.until([&, before = life.metrics.sum("tiercel_spool_commits_total")] {
        return life.metrics.sum("tiercel_spool_commits_total") > before;
      }));
    }
    CHECK(life.told("Tiercel internal: alerts lost", "many d0-="));
    life.spool->close();
    const uint64_t lost = life.spool->counts().lost;
    CHECK(lost > 500);
    CHECK(life.spool->counts().waiting + lost == 2'050);
    CHECK(life.metrics.sum("tiercel_spool_lost_total") == lost);
    CHECK(life.metrics.counter("tiercel_spool_output_lost_total", "", "manager").value() == lost);
    CHECK(life.metrics.counter("tiercel_spool_lost_total", "", {{"rule_name", "many c"}}).value() == 0);
    for (const alert::Report& report : life.reports.take()) life.all_reports.push_back(report);
    uint64_t told = 0;
    for (const alert::Report& report : life.all_reports)
      if (report.rule == "Tiercel internal: alerts lost") told += std::get<uint64_t>(report.fields[0].second.value);
    CHECK(told == lost);
  }
  Life life(folder / "spool");
  CHECK(life.left(Lane::kCritical) == numbered("c", 0, 50));
  const Ids rest = life.left();
  const auto debugs = std::count_if(rest.begin(), rest.end(), [](const std::string& id) { return id[0] == 'd'; });
  const auto warnings = static_cast<long>(rest.size()) - debugs;
  CHECK(debugs < 100);
  CHECK(warnings > 600);
  CHECK(rest.back().rfind("49") == rest.back().size() - 2);  // the newest are there
}

TEST_CASE("spool: a reader that hangs does not cost the others theirs, on the disk either") {
  TempDir folder;
  SpoolOptions options;
  options.size_bytes_max = 1 << 20;
  options.kept_bytes_max = 1 << 16;
  Life life(folder / "spool", options);
  uint64_t after = 0, got = 0;
  for (int i = 0; i < 60; ++i) {
    life.append_many(50, Priority::kWarning, "w", 900);
    // Those that have left the memory come first, the others with the next call.
    for (auto rows = life.spool->read(life.manager, Lane::kRest, after, 1'000); !rows.empty();
         rows = life.spool->read(life.manager, Lane::kRest, after, 1'000)) {
      got += rows.size();
      after = rows.back().seq;
    }
    life.spool->confirm(life.manager, Lane::kRest, after);
    life.until([&, before = life.metrics.sum("tiercel_spool_commits_total")] {
      return life.metrics.sum("tiercel_spool_commits_total") > before;
    });
  }
  CHECK(got == 3'000);
  CHECK(life.metrics.counter("tiercel_spool_output_lost_total", "", "manager").value() == 0);
  CHECK(life.metrics.counter("tiercel_spool_output_lost_total", "", "screen").value() > 1'000);
}

TEST_CASE("spool: two agents cannot share a folder") {
  TempDir folder;
  Life first(folder / "spool");
  Life second(folder / "spool");
  REQUIRE_FALSE(second.opened);
  CHECK(second.opened.error().fault == Fault::kUser);
  CHECK(second.opened.error().message.find("state_dir") != std::string::npos);
}

TEST_CASE("spool: without a disk alerts wait in memory, and go there when it is back, older ones too") {
  TempDir folder;
  {
    Life life(folder / "spool");
    life.append_many(10, Priority::kWarning, "old");
  }
  std::filesystem::rename(folder / "spool/spool.db", folder / "kept.db");
  std::filesystem::create_directory(folder / "spool/spool.db");  // nobody can open that
  {
    Life life(folder / "spool");
    REQUIRE(life.opened);
    CHECK(life.told("Tiercel internal: spool", "not_durable"));
    life.append_many(10, Priority::kWarning, "new");
    CHECK(life.left() == numbered("new", 0, 10));
    CHECK_FALSE(life.spool->waiting()[0].kept);
    std::filesystem::remove(folder / "spool/spool.db");
    std::filesystem::rename(folder / "kept.db", folder / "spool/spool.db");
    CHECK(life.told("Tiercel internal: spool", "\"durable\""));
    REQUIRE(life.until([&] { return life.left().size() == 20; }));
  }
  Ids all = numbered("new", 0, 10);
  for (const std::string& id : numbered("old", 0, 10)) all.push_back(id);
  {
    const Ids got = Life(folder / "spool").left();
    std::string joined;
    for (const auto& i : got) joined += i + ",";
    CAPTURE(joined);
    CHECK(got == all);
  }
}

TEST_CASE("spool: an emptied file is told") {
  TempDir folder;
  { Life life(folder / "spool"); }
  std::filesystem::remove(folder / "spool/spool.db-wal");
  std::filesystem::resize_file(folder / "spool/spool.db", 0);
  Life life(folder / "spool");
  CHECK(life.told("Tiercel internal: spool", "empty"));
}

TEST_CASE("spool: what is older than the limit goes and is told, but not because the clock was set") {
  struct SetClock final : Clock {
    std::atomic<uint64_t> boot{1'000'000'000'000}, offset{1'700'000'000'000'000'000};
    [[nodiscard]] uint64_t boottime_ns() const override { return boot; }
    [[nodiscard]] uint64_t monotonic_ns() const override { return boot; }
    [[nodiscard]] uint64_t realtime_ns() const override { return boot + offset; }
    void run_s(uint64_t seconds) { boot += seconds * 1'000'000'000; }
  } clock;
  TempDir folder;
  Metrics metrics;
  alert::Reports reports(metrics);
  SpoolOptions options;
  options.folder = folder / "spool";
  options.commit_ms = 1;
  options.age_s_max = 3'600;
  const auto spool = make_spool(options, metrics, clock, reports);
  const auto reader = spool->add_reader({.name = "manager", .keeps_place = true});
  REQUIRE(spool->open());
  const auto append = [&](const std::string& id) {
    auto made = std::make_shared<alert::Alert>(*make_alert(Priority::kWarning, id, "rule of " + id));
    made->time_ns = clock.realtime_ns();
    const uint64_t commits = metrics.sum("tiercel_spool_commits_total");
    spool->append(std::move(made));
    REQUIRE(Life::until([&] { return metrics.sum("tiercel_spool_commits_total") > commits; }));
  };
  append("first");
  clock.run_s(700);
  append("second");
  clock.offset += uint64_t{10} * 86'400 * 1'000'000'000;  // ten days forward
  append("after the jump");
  clock.run_s(300);
  append("soon after");
  CHECK(ids(spool->read(reader, Lane::kRest, 0, 10)) == Ids{"first", "second", "after the jump", "soon after"});
  clock.offset -= uint64_t{10} * 86'400 * 1'000'000'000;
  append("back");
  clock.run_s(3'500);  // "first" is 4,500 s old, "second" 3,800; the two of the wrong clock are of the future
  append("late");
  CHECK(Life::until([&] {
    return ids(spool->read(reader, Lane::kRest, 0, 10)) == Ids{"after the jump", "soon after", "back", "late"};
  }));
  CHECK(metrics.counter("tiercel_spool_lost_total", "", {{"rule_name", "rule of first"}}).value() == 1);
  CHECK(metrics.counter("tiercel_spool_lost_total", "", {{"rule_name", "rule of second"}}).value() == 1);
  CHECK(metrics.sum("tiercel_spool_lost_total") == 2);
}
