// The history of alerts on the host: what is kept, over ends of the agent, limits, damage, a disk that takes nothing.
#include "siem/history/history.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sys/resource.h>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "siem/history/history_file.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::history;
using siem::Row;
using siem::test::TempDir;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr int kGenerousMs = 20'000;

alert::AlertPtr alert_of(const std::string& id, const std::string& rule, Priority priority, uint64_t time_ns,
                         size_t bytes = 0) {
  auto made = std::make_shared<alert::Alert>();
  made->id = id;
  made->rule = rule;
  made->priority = priority;
  made->time_ns = time_ns;
  made->event_json = R"({"tiercel":{"id":")" + id + R"(","output":"it was )" + id + std::string(bytes, '.') + "\"}}";
  return made;
}

template <class Condition>
bool until(Condition condition) {
  for (int waited_ms = 0; waited_ms < kGenerousMs; waited_ms += 2) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

// One agent's life with a spool and a history.
struct Life {
  explicit Life(const std::string& folder, HistoryOptions options = {}) {
    spool = siem::make_spool({.folder = folder + "/spool", .commit_ms = 1}, metrics, clock, reports);
    options.folder = folder + "/history";
    sink = make_history_sink(*spool, options, metrics, clock, reports);
    REQUIRE(spool->open());
    REQUIRE(sink->start());
  }
  ~Life() { end(); }
  void append(const std::string& id, const std::string& rule = "R", Priority priority = Priority::kNotice,
              size_t bytes = 0) {
    spool->append(alert_of(id, rule, priority, clock.realtime_ns(), bytes));
  }
  // Every alert has gone somewhere.
  bool settled() {
    return until([&] { return spool->waiting().front().rows == 0; });
  }
  void end() {
    sink->stop(kGenerousMs);
    spool->close();
  }
  std::string told() {
    for (alert::Report& report : reports.take()) {
      all_told += report.rule + ": " + report.message;
      for (const auto& [key, value] : report.fields) {
        all_told += " " + key + "=";
        alert::append_json(all_told, value);
      }
      all_told += "\n";
    }
    return all_told;
  }
  uint64_t count(const char* name) { return metrics.sum(name); }

  FakeClock clock;
  Metrics metrics;
  alert::Reports reports{metrics};
  std::string all_told;
  std::unique_ptr<siem::Spool> spool;
  std::unique_ptr<siem::Sink> sink;
};

std::vector<HistoryRow> rows_of(const TempDir& folder, const HistoryQuery& query = {}, size_t most = 10'000) {
  auto reader = HistoryReader::open(folder / "history");
  REQUIRE(reader);
  auto rows = (*reader)->read(query, most);
  REQUIRE(rows);
  return *rows;
}

std::string ids_of(const std::vector<HistoryRow>& rows) {
  std::string out;
  for (const HistoryRow& row : rows) out += (out.empty() ? "" : " ") + row.id;
  return out;
}

// A file without a spool before it.
struct Writer {
  explicit Writer(const TempDir& folder, uint64_t now_ns = 1'000 * kSecondNs) {
    std::filesystem::create_directory(folder / "history");
    auto opened = HistoryFile::open(file_in(folder / "history"), now_ns);
    REQUIRE(opened);
    file = std::move(*opened);
  }
  HistoryFile::Written write(const std::vector<alert::AlertPtr>& alerts, uint64_t size_bytes_max = 1u << 30,
                             uint64_t older_than_ns = 0) {
    std::vector<Row> rows;
    for (const alert::AlertPtr& alert : alerts) rows.push_back({rows.size() + 1, alert});
    auto written = file->write(rows, {size_bytes_max, older_than_ns});
    REQUIRE(written);
    return *written;
  }
  std::unique_ptr<HistoryFile> file;
};

}  // namespace

TEST_CASE("history: what was decided is there for who looks, and a heartbeat is not") {
  const TempDir folder;
  Life life(folder.path());
  life.append("a", "Shell", Priority::kCritical);
  life.append("b", "Tiercel internal: gap", Priority::kWarning);
  auto heartbeat = std::make_shared<alert::Alert>(*alert_of("h", "Tiercel internal: heartbeat", Priority::kDebug, 1));
  heartbeat->routine = true;
  life.spool->append(std::move(heartbeat));
  life.append("c");
  REQUIRE(life.settled());
  const auto rows = rows_of(folder);  // while it is being written
  REQUIRE(rows.size() == 3);
  CHECK(life.count("tiercel_output_delivered_total") == 3);
  for (const HistoryRow& row : rows) {
    CHECK(row.time_ns == life.clock.realtime_ns());
    CHECK(row.text == "it was " + row.id);
    CHECK(row.event_json == alert_of(row.id, "", Priority::kDebug, 0)->event_json);
  }
  const auto shell = rows_of(folder, {.rule = "Shell"});
  REQUIRE(shell.size() == 1);
  CHECK(shell[0].priority == Priority::kCritical);
  struct stat facts {};
  REQUIRE(::stat(file_in(folder / "history").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0640);
  CHECK(life.told().empty());
}

TEST_CASE("history: rows that the spool gives again after a crash are there once") {
  const TempDir folder;
  Writer first(folder);
  const auto a = alert_of("a", "R", Priority::kNotice, 1), b = alert_of("b", "R", Priority::kNotice, 2);
  CHECK(first.write({a, b}).rows == 2);
  first.file.reset();
  Writer second(folder, 5'000 * kSecondNs);
  CHECK(second.write({a, b, alert_of("c", "R", Priority::kNotice, 3)}).rows == 1);
  const auto rows = rows_of(folder);
  CHECK(ids_of(rows) == "a b c");
  CHECK(rows[2].seq > rows[1].seq);
}

TEST_CASE("history: an agent that ends before the history had its alerts gives them to the next one's") {
  const TempDir folder;
  {
    FakeClock clock;
    Metrics metrics;
    alert::Reports reports(metrics);
    auto spool = siem::make_spool({.folder = folder / "spool", .commit_ms = 1}, metrics, clock, reports);
    auto sink = make_history_sink(*spool, {.folder = folder / "history"}, metrics, clock, reports);
    REQUIRE(spool->open());  // and the sink is never started
    spool->append(alert_of("kept", "R", Priority::kNotice, 1));
    spool->close();
  }
  Life life(folder.path());
  REQUIRE(life.settled());
  CHECK(ids_of(rows_of(folder)) == "kept");
}

TEST_CASE("history: queries") {
  const TempDir folder;
  Writer writer(folder);
  writer.write({alert_of("a", "Shell in container", Priority::kCritical, 10),
                alert_of("b", "Tiercel internal: gap", Priority::kWarning, 20),
                alert_of("c", "Shell on host", Priority::kNotice, 30),
                alert_of("d", "It's [odd]", Priority::kDebug, 40)});
  CHECK(ids_of(rows_of(folder, {.since_ns = 20})) == "b c d");
  CHECK(ids_of(rows_of(folder, {.since_ns = 20, .until_ns = 40})) == "b c");
  CHECK(ids_of(rows_of(folder, {.rule = "shell*"})) == "a c");
  CHECK(ids_of(rows_of(folder, {.rule = "SHELL ON HOST"})) == "c");
  CHECK(ids_of(rows_of(folder, {.rule = "shell"})).empty());
  CHECK(ids_of(rows_of(folder, {.rule = "It's [[]odd]"})) == "d");
  CHECK(ids_of(rows_of(folder, {.least = Priority::kWarning})) == "a b");
  CHECK(ids_of(rows_of(folder, {.id = "c"})) == "c");
  CHECK(ids_of(rows_of(folder, {.id = "x"})).empty());
  CHECK(ids_of(rows_of(folder, {}, 2)) == "a b");
  CHECK(ids_of(rows_of(folder, {.newest = true}, 2)) == "c d");
  CHECK(ids_of(rows_of(folder, {.after_seq = rows_of(folder)[1].seq})) == "c d");
  CHECK(ids_of(rows_of(folder, {.since_ns = UINT64_MAX})).empty());
  auto reader = HistoryReader::open(folder / "history");
  REQUIRE(reader);
  CHECK(*(*reader)->rules() ==
        std::vector<std::string>{"It's [odd]", "Shell in container", "Shell on host", "Tiercel internal: gap"});
}

TEST_CASE("history: beyond its size the rule that fills most of it loses its oldest, and no other") {
  const TempDir folder;
  Writer writer(folder);
  constexpr uint64_t kSize = 1u << 20;
  writer.write({alert_of("rare", "Rare", Priority::kDebug, 1)}, kSize);
  uint64_t removed = 0;
  for (int batch = 0; batch < 40; ++batch) {
    std::vector<alert::AlertPtr> alerts;
    for (int i = 0; i < 50; ++i)
      alerts.push_back(alert_of(std::to_string(batch * 50 + i), "Noisy", Priority::kCritical,
                                uint64_t(100 + batch * 50 + i), 2'000));
    removed += writer.write(alerts, kSize).removed_for_size;
  }
  const auto rows = rows_of(folder);
  CHECK(rows.size() + removed == 2'001);
  CHECK(rows.size() > 200);
  CHECK(rows.size() < 600);
  CHECK(rows.front().id == "rare");
  CHECK(rows.back().id == "1999");
  CHECK(rows[1].id == std::to_string(removed));  // the oldest ones, without a hole
  CHECK(std::filesystem::file_size(file_in(folder / "history")) < 2 * kSize);
  auto reader = HistoryReader::open(folder / "history");
  REQUIRE(reader);
  const auto told = (*reader)->removed();
  REQUIRE(told);
  REQUIRE(told->size() == 1);
  CHECK(told->front().rule == "Noisy");
  CHECK(told->front().rows == removed);
  CHECK(told->front().last_ns == 100 + removed - 1);
  // The counts outlive their writer.
  writer.file.reset();
  Writer next(folder);
  next.write({alert_of("more", "Noisy", Priority::kCritical, 5'000, 2'000)}, kSize / 2);
  CHECK(rows_of(folder).front().id == "rare");
  CHECK((*reader)->removed()->front().rows > removed);
}

TEST_CASE("history: what is too old goes, once the clock has been steady") {
  const TempDir folder;
  Life life(folder.path(), {.age_s_max = 3'600});
  life.append("old");
  REQUIRE(life.settled());
  life.clock.advance_ns(3'000 * kSecondNs);
  life.append("young");
  REQUIRE(life.settled());
  CHECK(ids_of(rows_of(folder)) == "old young");
  life.clock.advance_ns(900 * kSecondNs);
  life.append("new");
  REQUIRE(life.settled());
  CHECK(ids_of(rows_of(folder)) == "young new");
  CHECK(life.count("tiercel_history_removed_total") == 1);
  CHECK(life.count("tiercel_output_lost_total") == 0);
}

TEST_CASE("history: a damaged file is put aside and told, also one that is damaged while it is written") {
  const TempDir folder;
  std::filesystem::create_directory(folder / "history");
  std::ofstream(file_in(folder / "history")) << std::string(10'000, 'x');
  const auto refused = HistoryReader::open(folder / "history");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("is damaged") != std::string::npos);
  Life life(folder.path());
  life.append("a");
  REQUIRE(life.settled());
  CHECK(ids_of(rows_of(folder)) == "a");
  CHECK(std::filesystem::file_size(file_in(folder / "history") + ".damaged") == 10'000);
  CHECK(life.told().find("Tiercel internal: history") != std::string::npos);
  CHECK(life.told().find("state=\"damaged\"") != std::string::npos);
  CHECK(life.count("tiercel_output_lost_total") == 0);

  auto reader = HistoryReader::open(folder / "history");
  REQUIRE(reader);
  CHECK((*reader)->changed().value());
  CHECK_FALSE((*reader)->changed().value());
  const uint64_t seq = (*reader)->read({}, 10)->back().seq;
  life.clock.advance_ns(60 * kSecondNs);
  std::filesystem::remove(file_in(folder / "history"));
  life.append("b");
  REQUIRE(life.settled());
  // Who follows goes on in the new file.
  CHECK(until([&] { return (*reader)->changed().value(); }));
  CHECK(ids_of(*(*reader)->read({.after_seq = seq}, 10)) == "b");
  CHECK(life.told().find("removed or replaced") != std::string::npos);
}

TEST_CASE("history: a disk that takes nothing: counted, told, and nobody waits") {
  const TempDir folder;
  std::ofstream(folder / "history") << "a file where the folder should be";
  Life life(folder.path());
  for (int i = 0; i < 100; ++i) life.append(std::to_string(i));
  REQUIRE(life.settled());
  CHECK(life.count("tiercel_output_lost_total") == 100);
  CHECK(life.count("tiercel_output_delivered_total") == 0);
  CHECK(life.told().find("state=\"failing\"") != std::string::npos);
  std::filesystem::remove(folder / "history");
  life.clock.advance_ns(31 * kSecondNs);
  life.append("late");
  REQUIRE(life.settled());
  CHECK(ids_of(rows_of(folder)) == "late");
  CHECK(life.count("tiercel_output_lost_total") == 100);
  CHECK(life.told().find("state=\"well\"") != std::string::npos);
  CHECK(life.told().find("lost=100") != std::string::npos);
}

TEST_CASE("history: a file that may grow no more: what was written stays, what comes is counted") {
  const TempDir folder;
  Life life(folder.path());
  life.append("first");
  REQUIRE(life.settled());
  // As a full disk: every write beyond it fails.
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4'096, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  life.append("big", "R", Priority::kNotice, 100'000);
  const bool settled = life.settled();
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old);
  REQUIRE(settled);
  CHECK(life.count("tiercel_output_lost_total") == 1);
  life.clock.advance_ns(31 * kSecondNs);
  life.append("second");
  REQUIRE(life.settled());
  CHECK(ids_of(rows_of(folder)) == "first second");
}

TEST_CASE("history: readers' errors say what to do") {
  const TempDir folder;
  const auto absent = HistoryReader::open(folder / "history");
  REQUIRE_FALSE(absent);
  CHECK(absent.error().fault == Fault::kUser);
  CHECK(absent.error().message.find("--state-dir") != std::string::npos);
  {
    Writer writer(folder);
    writer.write({alert_of("a", "R", Priority::kNotice, 1)});
  }
  auto reader = HistoryReader::open(folder / "history");
  CHECK(reader);
}
