#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "siem/spool.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Lane;
using alert::Priority;
using Ids = std::vector<std::string>;

namespace {
constexpr Priority kOneOfEach[] = {Priority::kEmergency, Priority::kAlert,  Priority::kCritical,      Priority::kError,
                                   Priority::kWarning,   Priority::kNotice, Priority::kInformational, Priority::kDebug};
}

TEST_CASE("memory spool: lanes are apart, each in order, and the cursor forgets") {
  Metrics metrics;
  auto spool = make_memory_spool({}, metrics);
  int woken = 0;
  const auto reader = spool->add_reader({.name = "r", .wake = [&] { ++woken; }});
  spool->append(make_alert(Priority::kWarning, "w1"));
  spool->append(make_alert(Priority::kCritical, "c1"));
  spool->append(make_alert(Priority::kDebug, "d1"));
  spool->append(make_alert(Priority::kEmergency, "e1"));
  spool->append(make_alert(Priority::kError, "x1"));
  CHECK(woken == 5);
  CHECK(ids(spool->read(reader, Lane::kCritical, 0, 10)) == Ids{"c1", "e1"});
  CHECK(ids(spool->read(reader, Lane::kRest, 0, 10)) == Ids{"w1", "d1", "x1"});

  auto first = spool->read(reader, Lane::kRest, 0, 2);
  REQUIRE(first.size() == 2);
  CHECK(first[0].seq == 1);
  CHECK(first[1].seq == 3);
  CHECK(ids(spool->read(reader, Lane::kRest, first[1].seq, 10)) == Ids{"x1"});

  CHECK(spool->cursor(reader, Lane::kRest) == 0);
  spool->confirm(reader, Lane::kRest, 3);
  CHECK(spool->cursor(reader, Lane::kRest) == 3);
  CHECK(ids(spool->read(reader, Lane::kRest, 0, 10)) == Ids{"x1"});
  CHECK(ids(spool->read(reader, Lane::kCritical, 0, 10)) == Ids{"c1", "e1"});
  spool->confirm(reader, Lane::kRest, 1);
  CHECK(spool->cursor(reader, Lane::kRest) == 3);  // never back
  CHECK(spool->counts().appended == 5);
  CHECK(spool->counts().waiting == 3);
  CHECK(spool->counts().lost == 0);
}

TEST_CASE("memory spool: routine alerts go only to the readers that take them, and wait for no other") {
  Metrics metrics;
  auto spool = make_memory_spool({}, metrics);
  const auto screen = spool->add_reader({.name = "screen", .takes_routine = false});
  auto heartbeat = std::make_shared<alert::Alert>(*make_alert(Priority::kInformational, "beat"));
  heartbeat->routine = true;
  spool->append(heartbeat);
  CHECK(spool->counts().waiting == 0);
  const auto manager = spool->add_reader({.name = "manager"});
  spool->append(heartbeat);
  spool->append(make_alert(Priority::kInformational, "other"));
  CHECK(ids(spool->read(screen, Lane::kRest, 0, 10)) == Ids{"other"});
  CHECK(ids(spool->read(manager, Lane::kRest, 0, 10)) == Ids{"beat", "other"});
  spool->confirm(manager, Lane::kRest, 3);
  CHECK(spool->waiting()[0].rows == 1);
  CHECK(spool->counts().waiting == 1);
  spool->confirm(screen, Lane::kRest, 3);
  CHECK(spool->counts().waiting == 0);
  CHECK(spool->counts().lost == 0);
}

TEST_CASE("memory spool: without readers nothing is kept and nothing is lost") {
  Metrics metrics;
  auto spool = make_memory_spool({.rows_max = 2, .size_bytes_max = 1 << 20}, metrics);
  for (int i = 0; i < 10; ++i) spool->append(make_alert(Priority::kError, "x"));
  CHECK(spool->counts().appended == 10);
  CHECK(spool->counts().waiting == 0);
  CHECK(spool->counts().lost == 0);
}

TEST_CASE("memory spool: a row stays until its last reader confirmed it") {
  Metrics metrics;
  auto spool = make_memory_spool({}, metrics);
  const auto a = spool->add_reader({.name = "a"});
  const auto b = spool->add_reader({.name = "b"});
  auto alert = make_alert(Priority::kError, "x");
  std::weak_ptr<const alert::Alert> watched = alert;
  spool->append(std::move(alert));
  spool->confirm(a, Lane::kRest, 1);
  CHECK(spool->counts().waiting == 1);
  CHECK_FALSE(watched.expired());
  CHECK(spool->read(a, Lane::kRest, 0, 10).empty());
  CHECK(spool->read(b, Lane::kRest, 0, 10).size() == 1);
  spool->confirm(b, Lane::kRest, 1);
  CHECK(spool->counts().waiting == 0);
  CHECK(watched.expired());
}

TEST_CASE("memory spool: when it is full the oldest of the least severe goes, counted by rule") {
  Metrics metrics;
  auto spool = make_memory_spool({.rows_max = 8, .size_bytes_max = 1 << 20}, metrics);
  const auto reader = spool->add_reader({.name = "r"});
  for (Priority priority : kOneOfEach)
    spool->append(make_alert(priority, std::string(display_name(priority)), std::string(display_name(priority))));
  auto left = [&] {
    auto all = ids(spool->read(reader, Lane::kCritical, 0, 100));
    for (const std::string& id : ids(spool->read(reader, Lane::kRest, 0, 100))) all.push_back(id);
    return all;
  };
  spool->append(make_alert(Priority::kNotice, "n2", "N2"));
  CHECK(left() == Ids{"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "n2"});
  spool->append(make_alert(Priority::kNotice, "n3", "N3"));
  CHECK(left() == Ids{"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "n2", "n3"});
  spool->append(make_alert(Priority::kCritical, "c2"));
  CHECK(left() == Ids{"Emergency", "Alert", "Critical", "c2", "Error", "Warning", "n2", "n3"});
  spool->append(make_alert(Priority::kDebug, "late"));  // the least severe of all is itself the new one
  CHECK(left() == Ids{"Emergency", "Alert", "Critical", "c2", "Error", "Warning", "n2", "n3"});
  CHECK(spool->counts().lost == 4);
  CHECK(spool->counts().waiting == 8);
  CHECK(metrics.sum("tiercel_spool_lost_total") == 4);
  CHECK(metrics.counter("tiercel_spool_lost_total", "", {{"rule_name", "Debug"}}).value() == 1);
  CHECK(metrics.counter("tiercel_spool_lost_total", "", {{"rule_name", "Informational"}}).value() == 1);
  CHECK(metrics.counter("tiercel_spool_lost_total", "", {{"rule_name", "Notice"}}).value() == 1);
  CHECK(metrics.counter("tiercel_spool_lost_total", "", {{"rule_name", "R"}}).value() == 1);
  CHECK(metrics.counter("tiercel_spool_output_lost_total", "", "r").value() == 4);
}

TEST_CASE("memory spool: a row that two readers lose is one loss, and one for each of them") {
  Metrics metrics;
  auto spool = make_memory_spool({.rows_max = 1, .size_bytes_max = 1 << 20}, metrics);
  const auto a = spool->add_reader({.name = "a"});
  spool->add_reader({.name = "b"});
  for (int i = 0; i < 4; ++i) spool->append(make_alert(Priority::kError, std::to_string(i)));
  CHECK(ids(spool->read(a, Lane::kRest, 0, 10)) == Ids{"3"});
  CHECK(spool->counts().lost == 3);
  CHECK(metrics.sum("tiercel_spool_lost_total") == 3);
  CHECK(metrics.counter("tiercel_spool_output_lost_total", "", "a").value() == 3);
  CHECK(metrics.counter("tiercel_spool_output_lost_total", "", "b").value() == 3);
}

TEST_CASE("memory spool: bytes are bounded too") {
  Metrics metrics;
  auto spool = make_memory_spool({.rows_max = 1'000'000, .size_bytes_max = 256 << 10}, metrics);
  const auto reader = spool->add_reader({.name = "r"});
  for (int i = 0; i < 100; ++i) {
    auto made = std::make_shared<alert::Alert>();
    made->priority = Priority::kError;
    made->rule = "big";
    made->event_json.assign(10'000, 'x');
    spool->append(std::move(made));
  }
  const auto rows = spool->read(reader, Lane::kRest, 0, 1000);
  CHECK(rows.size() > 20);
  CHECK(rows.size() <= 26);
  CHECK(rows.back().seq == 100);
  CHECK(spool->counts().lost + rows.size() == 100);
  // One that is larger than everything cannot stay; being the least severe, it costs nobody else their place.
  auto huge = std::make_shared<alert::Alert>();
  huge->event_json.assign(1 << 20, 'x');
  spool->append(std::move(huge));
  CHECK(spool->counts().waiting == rows.size());
}

TEST_CASE("memory spool: a reader that hangs loses its own rows and nobody else's") {
  Metrics metrics;
  auto spool = make_memory_spool({.rows_max = 50, .size_bytes_max = 1 << 20}, metrics);
  const auto hung = spool->add_reader({.name = "hung"});
  const auto quick = spool->add_reader({.name = "quick"});
  // The hung one is full of what is more severe than what comes now.
  for (int i = 0; i < 50; ++i) spool->append(make_alert(Priority::kError, "old"));
  spool->confirm(quick, Lane::kRest, 50);
  for (int i = 0; i < 200; ++i) {
    const std::string id = "d" + std::to_string(i);
    spool->append(make_alert(Priority::kDebug, id));
    const auto rows = spool->read(quick, Lane::kRest, 0, 10);
    REQUIRE(ids(rows) == Ids{id});
    spool->confirm(quick, Lane::kRest, rows.back().seq);
  }
  CHECK(metrics.counter("tiercel_spool_output_lost_total", "", "quick").value() == 0);
  CHECK(metrics.counter("tiercel_spool_output_lost_total", "", "hung").value() == 200);
  CHECK(spool->counts().lost == 200);
  CHECK(ids(spool->read(hung, Lane::kRest, 0, 1)) == Ids{"old"});
}

TEST_CASE("memory spool: threads append, read and confirm; every row is got once or counted as lost") {
  Metrics metrics;
  auto spool = make_memory_spool({.rows_max = 500, .size_bytes_max = 64 << 20}, metrics);
  constexpr int kAlerts = 20'000;
  constexpr int kReaders = 3;
  std::atomic<bool> done{false}, in_order{true}, bounded{true};
  std::vector<std::set<uint64_t>> got(kReaders);
  std::vector<Spool::ReaderId> readers;
  for (int i = 0; i < kReaders; ++i) readers.push_back(spool->add_reader({.name = "r" + std::to_string(i)}));
  std::vector<std::thread> threads;
  for (int i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] {
      for (bool last = false;;) {
        size_t count = 0;
        for (Lane lane : {Lane::kCritical, Lane::kRest}) {
          const auto rows = spool->read(readers[i], lane, 0, 32);
          uint64_t before = 0;
          for (const Row& row : rows) {
            in_order = in_order && row.seq > before;
            before = row.seq;
            got[i].insert(row.seq);
          }
          if (!rows.empty()) spool->confirm(readers[i], lane, before);
          count += rows.size();
        }
        if (count > 0) continue;
        if (last) break;
        last = done.load();
      }
    });
  }
  std::thread counting([&] {
    while (!done.load()) bounded = bounded && spool->counts().waiting <= 500;
  });
  for (int i = 0; i < kAlerts; ++i) spool->append(make_alert(kOneOfEach[i % 8], "x", "R" + std::to_string(i % 5)));
  done = true;
  for (std::thread& thread : threads) thread.join();
  counting.join();
  CHECK(in_order);
  CHECK(bounded);
  const auto counts = spool->counts();
  CHECK(counts.appended == kAlerts);
  CHECK(counts.waiting == 0);
  CHECK(metrics.sum("tiercel_spool_lost_total") == counts.lost);
  for (int i = 0; i < kReaders; ++i) {
    const uint64_t lost = metrics.counter("tiercel_spool_output_lost_total", "", "r" + std::to_string(i)).value();
    // A row that was read, but not yet confirmed when the limit took it, is in both counts.
    CHECK(got[i].size() + lost >= kAlerts);
    CHECK(got[i].size() <= kAlerts);
  }
}
