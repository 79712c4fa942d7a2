// The spool's file is damaged, cut, removed: what it still gives arrives, and what it does not is counted.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include "siem/packed_alert.h"
#include "siem/spool_file.h"
#include "spool_life.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Lane;
using alert::Priority;

namespace {

// The manager takes what there is, a hundred rows at a time, until nothing waits.
bool take_all(Life& life, std::set<std::string>& arrived) {
  return Life::until([&] {
    for (const Lane lane : {Lane::kCritical, Lane::kRest}) {
      const auto rows = life.spool->read(life.manager, lane, 0, 100);
      for (const Row& row : rows) arrived.insert(row.alert->id);
      if (!rows.empty()) {
        life.spool->confirm(life.manager, lane, rows.back().seq);
        life.spool->confirm(life.screen, lane, rows.back().seq);
      }
    }
    const Spool::Counts counts = life.spool->counts();
    return counts.waiting == 0 && !counts.rescuing;
  });
}

void damage_anywhere(const std::string& path, std::mt19937& random) {
  const auto size = static_cast<long>(std::filesystem::file_size(path));
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(random() % 4 == 0 ? 0 : static_cast<long>(random() % static_cast<unsigned long>(size)));
  std::string bytes(1 + random() % 9'000, 0);
  for (char& byte : bytes) byte = static_cast<char>(random());
  file << bytes;
}

}  // namespace

TEST_CASE("spool: a damaged beginning, at the start: told, put aside, and the agent goes on") {
  TempDir folder;
  {
    Life life(folder / "spool");
    life.append_many(100, Priority::kWarning, "w", 500);
  }
  overwrite(folder / "spool/spool.db", 0, 8'192);
  Life life(folder / "spool");
  REQUIRE(life.opened);
  CHECK(life.told("Tiercel internal: spool", "damaged"));
  CHECK(life.told("Tiercel internal: spool", "rescued"));
  CHECK(std::filesystem::exists(folder / "spool/spool.db.damaged"));
  life.append(Priority::kWarning, "new");
  life.spool->close();
  {
    const Ids got = Life(folder / "spool").left();
    std::string joined;
    for (const auto& i : got) joined += i + ",";
    CAPTURE(joined);
    CHECK(got == Ids{"new"});
  }
}

TEST_CASE("spool: without its header a file still gives its rows") {
  TempDir folder;
  {
    Life life(folder / "spool");
    life.append_many(500, Priority::kWarning, "w", 500);
    life.append_many(5, Priority::kAlert, "a");
  }
  overwrite(folder / "spool/spool.db", 0, 100);
  Life life(folder / "spool");
  REQUIRE(life.opened);
  CHECK(life.told("Tiercel internal: spool", "rescued"));
  CHECK(life.left() == numbered("w", 0, 500));
  CHECK(life.left(Lane::kCritical) == numbered("a", 0, 5));
}

TEST_CASE("spool: a damaged middle: what is whole on both sides of it is given") {
  TempDir folder;
  {
    Life life(folder / "spool");
    life.append_many(1'000, Priority::kWarning, "w", 500);
    life.append_many(10, Priority::kEmergency, "e", 500);
  }
  const auto size = static_cast<long>(std::filesystem::file_size(folder / "spool/spool.db"));
  overwrite(folder / "spool/spool.db", size / 2, 3 * 8'192);
  Life life(folder / "spool");
  REQUIRE(life.opened);
  CHECK(life.told("Tiercel internal: spool", "rescued"));
  CHECK(life.left(Lane::kCritical) == numbered("e", 0, 10));
  const Ids rest = life.left();
  const std::set<std::string> unlike(rest.begin(), rest.end());
  CHECK(unlike.size() > 900);
  CHECK(unlike.count("w0") == 1);
  CHECK(unlike.count("w999") == 1);
}

TEST_CASE("spool: of a file that was cut off, what is before the cut is given") {
  TempDir folder;
  {
    Life life(folder / "spool");
    life.append_many(1'000, Priority::kWarning, "w", 500);
  }
  std::filesystem::resize_file(folder / "spool/spool.db", std::filesystem::file_size(folder / "spool/spool.db") / 2);
  Life life(folder / "spool");
  REQUIRE(life.opened);
  CHECK(life.told("Tiercel internal: spool", "rescued"));
  const Ids rest = life.left();
  REQUIRE(rest.size() > 300);
  CHECK(Ids(rest.begin(), rest.begin() + 300) == numbered("w", 0, 300));
}

TEST_CASE("spool: a file that is removed or replaced under the agent is made again") {
  TempDir folder;
  Life life(folder / "spool");
  life.append_many(100, Priority::kWarning, "w");
  REQUIRE(life.committed(1));
  std::filesystem::remove(folder / "spool/spool.db");
  life.append(Priority::kWarning, "after");
  CHECK(life.told("Tiercel internal: spool", "removed or replaced"));
  REQUIRE(life.until([&] { return std::filesystem::exists(folder / "spool/spool.db"); }));
  life.spool->close();
  Ids all = numbered("w", 0, 100);
  all.emplace_back("after");
  {
    const Ids got = Life(folder / "spool").left();
    std::string joined;
    for (const auto& i : got) joined += i + ",";
    CAPTURE(joined);
    CHECK(got == all);
  }
}

TEST_CASE("spool: of a file that is removed under the agent, what memory has no more is given too") {
  TempDir folder;
  SpoolOptions options;
  options.kept_bytes_max = 100'000;
  Life life(folder / "spool", options);
  life.append_many(1'000, Priority::kWarning, "w", 1'000);
  REQUIRE(life.until([&] { return life.spool->waiting()[0].kept; }));
  REQUIRE(life.until([&] { return life.left() == numbered("w", 0, 1'000); }));
  for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(folder / "spool/spool.db" + part);
  life.append(Priority::kWarning, "after");
  CHECK(life.told("Tiercel internal: spool", "removed or replaced"));
  CHECK(life.told("Tiercel internal: spool", "none is lost"));
  std::set<std::string> arrived;
  CHECK(take_all(life, arrived));
  CHECK(arrived.size() == 1'001);
}

TEST_CASE("spool: a file of the format before the marks is taken over") {
  TempDir folder;
  std::filesystem::create_directories(folder / "spool");
  {
    auto file = Database::open(folder / "spool/spool.db", "the spool", Database::Mode::kWrite);
    REQUIRE(file);
    for (size_t p = 0; p < kPriorities; ++p)
      REQUIRE((*file)->run(
          ("CREATE TABLE p" + std::to_string(p) + "(seq INTEGER PRIMARY KEY, time INTEGER, rule TEXT, data BLOB)")
              .c_str()));
    REQUIRE(
        (*file)->run("CREATE TABLE places(reader TEXT PRIMARY KEY, critical INTEGER, rest INTEGER);"
                     "CREATE TABLE losses(rule TEXT PRIMARY KEY, lost INTEGER, first INTEGER, last INTEGER);"
                     "CREATE TABLE numbers(name TEXT PRIMARY KEY, value INTEGER); PRAGMA user_version=1;"
                     "INSERT INTO numbers VALUES('last_seq', 9); INSERT INTO places VALUES('manager', 0, 3)"));
    const std::string data = pack(*make_alert(Priority::kWarning, "old"), kEventJson);
    Statement insert(**file, "INSERT INTO p4 VALUES(?1,?2,?3,?4)");
    REQUIRE(insert.bind(1, uint64_t{5}).bind(2, uint64_t{7}).bind(3, std::string("R")).bind_blob(4, data).run());
  }
  Life life(folder / "spool");
  life.append(Priority::kWarning, "new");
  CHECK(life.left() == Ids{"old", "new"});
}

TEST_CASE("spool: rows that vanished from the file are counted and told, and nothing waits for them") {
  TempDir folder;
  Life life(folder / "spool");
  life.append_many(5, Priority::kWarning, "w");
  REQUIRE(life.committed(1));
  REQUIRE(life.until([&] { return life.spool->counts().waiting == 5; }));
  {
    auto other = SpoolFile::open(folder / "spool/spool.db");
    REQUIRE(other);
    REQUIRE((*other)->state());
    SpoolFile::Changes changes;
    changes.done_to[static_cast<size_t>(Lane::kRest)] = 2;
    REQUIRE((*other)->commit(changes));
  }
  for (const Spool::ReaderId reader : {life.manager, life.screen}) life.spool->confirm(reader, Lane::kRest, 5);
  CHECK(life.told("Tiercel internal: spool", "2 rows that were written are not in it"));
  CHECK(life.until([&] { return life.spool->counts().waiting == 0; }));
  CHECK(life.metrics.sum("tiercel_spool_damaged_lost_total") == 2);
  life.append(Priority::kWarning, "after");
  life.spool->close();
  CHECK(Life(folder / "spool").left() == Ids{"after"});
}

TEST_CASE("spool: wherever and whenever a file is damaged under the agent, what does not arrive is counted") {
  for (unsigned seed = 0; seed < 30; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    TempDir folder;
    SpoolOptions options;
    options.kept_bytes_max = 100'000;
    Life life(folder / "spool", options);
    std::set<std::string> arrived;
    size_t made = 0;
    const auto make = [&](int count) {
      const std::string prefix = std::to_string(seed) + "-" + std::to_string(made) + "-";
      for (int i = 0; i < count; i += 50) {
        life.append_many(50, random() % 8 == 0 ? Priority::kAlert : Priority::kWarning,
                         prefix + std::to_string(i) + "-", 800);
        if (random() % 4 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      }
      made += static_cast<size_t>(count);
    };
    make(50 + 50 * static_cast<int>(random() % 40));
    if (random() % 2 == 0) {
      const auto rows = life.spool->read(life.manager, Lane::kRest, 0, 100);
      for (const Row& row : rows) arrived.insert(row.alert->id);
      if (!rows.empty()) life.spool->confirm(life.manager, Lane::kRest, rows.back().seq);
    }
    REQUIRE(life.committed(1));
    const std::string path = folder / "spool/spool.db";
    for (int times = 1 + static_cast<int>(random() % 2); times > 0; --times) {
      damage_anywhere(random() % 4 == 0 && std::filesystem::exists(path + "-wal") ? path + "-wal" : path, random);
      make(50 * static_cast<int>(random() % 20));
    }
    CHECK(take_all(life, arrived));
    const auto counted = life.metrics.sum("tiercel_spool_damaged_lost_total") + life.spool->counts().lost;
    CAPTURE(counted);
    CAPTURE(made);
    CHECK(arrived.size() + counted >= made);
    life.spool->close();
  }
}
