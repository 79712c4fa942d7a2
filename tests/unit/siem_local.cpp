#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"
#include "siem/local/file_sink.h"
#include "siem/local/stdout_sink.h"
#include "siem/reader_thread.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Priority;
using Lines = std::vector<std::string>;

namespace {

struct Pipe {
  Fd read_end, write_end;
  Pipe() {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    read_end.reset(fds[0]);
    write_end.reset(fds[1]);
  }
};

std::string read_to_end(int fd) {
  std::string out;
  char bytes[4096];
  for (ssize_t n; (n = ::read(fd, bytes, sizeof bytes)) > 0;) out.append(bytes, static_cast<size_t>(n));
  return out;
}

std::string line(const std::string& id) {
  return make_alert(Priority::kError, id)->event_json;
}

// Until it holds; what is waited for happens on another thread.
template <class Predicate>
bool eventually(Predicate predicate) {
  for (int i = 0; i < kGenerousMs; ++i) {
    if (predicate()) return true;
    ::usleep(1000);
  }
  return false;
}

}  // namespace

TEST_CASE("outputs pass by what their condition refused, and only that") {
  constexpr uint64_t kOurs = 0x1234, kOther = 0x99;
  const TempDir dir;
  Metrics metrics;
  const auto spool = make_memory_spool({}, metrics);
  const auto file = make_file_sink(*spool, {.path = dir / "file", .condition = kOurs}, metrics);
  const auto all = make_file_sink(*spool, {.path = dir / "all"}, metrics);
  Pipe pipe;
  auto out = make_stdout_sink(*spool, {.condition = kOurs, .fd = pipe.write_end.get()}, metrics);
  for (siem::Sink* sink : {static_cast<siem::Sink*>(file.get()), static_cast<siem::Sink*>(all.get()), out.get()})
    REQUIRE(sink->start());
  const auto append = [&](const char* id, std::vector<uint64_t> refused_by) {
    auto made = std::make_shared<alert::Alert>(*make_alert(Priority::kError, id));
    made->refused_by = std::move(refused_by);
    spool->append(std::move(made));
  };
  append("a", {});
  append("b", {kOther, kOurs});
  append("c", {kOther});
  append("d", {kOurs});
  for (siem::Sink* sink : {static_cast<siem::Sink*>(file.get()), static_cast<siem::Sink*>(all.get()), out.get()})
    sink->stop(kGenerousMs);
  out.reset();  // it has the pipe open, too
  pipe.write_end.reset();
  CHECK(lines_of(dir / "file") == Lines{line("a"), line("c")});
  CHECK(lines_of(dir / "all") == Lines{line("a"), line("b"), line("c"), line("d")});
  const std::string printed = read_to_end(pipe.read_end.get());
  CHECK(printed.find("Error a") != std::string::npos);
  CHECK(printed.find("Error b") == std::string::npos);
  CHECK(printed.find("Error c") != std::string::npos);
  CHECK(printed.find("Error d") == std::string::npos);
  CHECK(spool->counts().waiting == 0);
}

TEST_CASE("reader thread: criticals first, trouble is retried from where it was, priorities are passed by") {
  Metrics metrics;
  auto spool = make_memory_spool({}, metrics);
  Lines got;
  std::atomic<int> refusals{3};
  ReaderThread reader(*spool,
                      {.name = "r", .least_priority = Priority::kNotice, .batch_rows_max = 2, .retry_ms_min = 1},
                      [&](std::span<const Row> rows) -> size_t {
                        if (rows.empty()) return 0;
                        if (refusals-- > 0) {
                          got.push_back(rows[0].alert->id);  // one of them, then trouble
                          return 1;
                        }
                        for (const Row& row : rows) got.push_back(row.alert->id);
                        return rows.size();
                      });
  for (const char* id : {"a", "b", "c"}) spool->append(make_alert(Priority::kWarning, id));
  spool->append(make_alert(Priority::kDebug, "unwanted"));
  for (const char* id : {"x", "y", "z"}) spool->append(make_alert(Priority::kAlert, id));
  REQUIRE(reader.start());
  reader.stop(kGenerousMs);
  CHECK(got == Lines{"x", "y", "z", "a", "b", "c"});
  CHECK(spool->counts().waiting == 0);
  reader.stop(0);  // idempotent
}

TEST_CASE("reader thread: nothing appended from several threads is left behind") {
  Metrics metrics;
  auto spool = make_memory_spool({}, metrics);
  std::atomic<size_t> got{0};
  ReaderThread reader(*spool, {.name = "r"}, [&](std::span<const Row> rows) {
    got += rows.size();
    return rows.size();
  });
  REQUIRE(reader.start());
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) spool->append(make_alert(Priority::kError, "x"));
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(eventually([&] { return got == 6000; }));  // without stop: every wake was heard
  reader.stop(kGenerousMs);
}

TEST_CASE("reader thread: stop gives up on what cannot be delivered and leaves it in the spool") {
  Metrics metrics;
  auto spool = make_memory_spool({}, metrics);
  ReaderThread reader(*spool, {.name = "r"}, [](std::span<const Row>) -> size_t { return 0; });
  spool->append(make_alert(Priority::kError, "x"));
  REQUIRE(reader.start());
  reader.stop(30);
  CHECK(spool->counts().waiting == 1);
}

TEST_CASE("stdout sink: text and JSON lines, colour of the priority only") {
  for (const auto format : {StdoutSinkOptions::Format::kText, StdoutSinkOptions::Format::kJson}) {
    for (const bool colour : {false, true}) {
      Metrics metrics;
      auto spool = make_memory_spool({}, metrics);
      Pipe pipe;
      auto sink = make_stdout_sink(*spool, {.format = format, .colour = colour, .fd = pipe.write_end.get()}, metrics);
      REQUIRE(sink->start());
      spool->append(make_alert(Priority::kCritical, "Critical: x"));
      sink->stop(kGenerousMs);
      sink.reset();
      pipe.write_end.reset();
      const std::string printed = read_to_end(pipe.read_end.get());
      if (format == StdoutSinkOptions::Format::kJson)
        CHECK(printed == "{\"falco\":\"Critical: x\"}\n");
      else if (colour)
        CHECK(printed == "18:27:01.000000000: \033[1;31mCritical\033[0m Critical: x\n");
      else
        CHECK(printed == "18:27:01.000000000: Critical Critical: x\n");
      CHECK(metrics.counter("tiercel_output_delivered_total", "", "stdout").value() == 1);
    }
  }
}

TEST_CASE("stdout sink: a reader that hangs blocks neither append nor stop") {
  Metrics metrics;
  auto spool = make_memory_spool({.rows_max = 100, .size_bytes_max = 8 << 20}, metrics);
  Pipe pipe;
  const int flags_before = ::fcntl(pipe.write_end.get(), F_GETFL);
  auto sink = make_stdout_sink(*spool, {.fd = pipe.write_end.get()}, metrics);
  REQUIRE(sink->start());
  const std::string text(1000, 'x');
  for (int i = 0; i < 1000; ++i) spool->append(make_alert(Priority::kError, text));
  sink->stop(20);
  CHECK(::fcntl(pipe.write_end.get(), F_GETFL) == flags_before);
  CHECK(spool->counts().waiting > 0);
  CHECK(spool->counts().lost > 0);
}

TEST_CASE("stdout sink: a terminal that is stopped blocks neither append nor stop") {
  Metrics metrics;
  auto spool = make_memory_spool({}, metrics);
  Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(master.valid());
  REQUIRE(::grantpt(master.get()) == 0);
  REQUIRE(::unlockpt(master.get()) == 0);
  Fd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(terminal.valid());
  auto sink = make_stdout_sink(*spool, {.fd = terminal.get()}, metrics);
  REQUIRE(sink->start());
  for (int i = 0; i < 1000; ++i) spool->append(make_alert(Priority::kError, std::string(1000, 'x')));
  sink->stop(20);
  CHECK(spool->counts().waiting > 0);
  char bytes[64];
  REQUIRE(::read(master.get(), bytes, sizeof bytes) == sizeof bytes);
  CHECK(std::string(bytes, sizeof bytes).starts_with("18:27:01.000000000: Error xxx"));
}

TEST_CASE("stdout sink: a reader that comes back gets whole lines") {
  Metrics metrics;
  auto spool = make_memory_spool({}, metrics);
  Pipe pipe;
  auto sink =
      make_stdout_sink(*spool, {.format = StdoutSinkOptions::Format::kJson, .fd = pipe.write_end.get()}, metrics);
  REQUIRE(sink->start());
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    auto alert = make_alert(Priority::kError, std::string(static_cast<size_t>(i) * 7, 'x') + std::to_string(i));
    expected += alert->falco_json + "\n";
    spool->append(std::move(alert));
  }
  std::string printed;
  std::thread late([&] { printed = read_to_end(pipe.read_end.get()); });
  sink->stop(kGenerousMs);
  sink.reset();
  pipe.write_end.reset();
  late.join();
  CHECK(printed == expected);
}

TEST_CASE("stdout sink: a broken pipe is counted, raises no signal and frees the spool") {
  Metrics metrics;
  auto spool = make_memory_spool({}, metrics);
  Pipe pipe;
  pipe.read_end.reset();
  auto sink = make_stdout_sink(*spool, {.fd = pipe.write_end.get()}, metrics);
  REQUIRE(sink->start());
  for (int i = 0; i < 10; ++i) spool->append(make_alert(Priority::kError, "x"));
  CHECK(eventually([&] { return spool->counts().waiting == 0; }));
  sink->stop(kGenerousMs);
  CHECK(metrics.counter("tiercel_output_lost_total", "", "stdout").value() == 10);
  CHECK(metrics.counter("tiercel_output_delivered_total", "", "stdout").value() == 0);
}

TEST_CASE("stdout sink: a socket and a plain file work as well") {
  Metrics metrics;
  TempDir dir;
  auto spool = make_memory_spool({}, metrics);
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  Fd ours(fds[0]), theirs(fds[1]);
  Fd file(::open((dir / "out").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  auto to_socket = make_stdout_sink(*spool, {.fd = theirs.get()}, metrics);
  auto to_file = make_stdout_sink(*spool, {.fd = file.get()}, metrics);
  REQUIRE(to_socket->start());
  REQUIRE(to_file->start());
  spool->append(make_alert(Priority::kNotice, "hello"));
  to_socket->stop(kGenerousMs);
  to_file->stop(kGenerousMs);
  theirs.reset();
  CHECK(read_to_end(ours.get()) == "18:27:01.000000000: Notice hello\n");
  CHECK(content_of(dir / "out") == "18:27:01.000000000: Notice hello\n");
}

TEST_CASE("file sink: the normalised event, byte for byte, mode 0640 in a folder it makes") {
  Metrics metrics;
  TempDir dir;
  auto spool = make_memory_spool({}, metrics);
  const std::string path = dir / "log/alerts.json";
  auto sink = make_file_sink(*spool, {.path = path, .least_priority = Priority::kWarning}, metrics);
  auto falco = make_file_sink(*spool, {.path = dir / "falco.json", .format = FileSinkOptions::Format::kFalco}, metrics);
  const mode_t mask = ::umask(0077);
  REQUIRE(sink->start());
  REQUIRE(falco->start());
  ::umask(mask);
  spool->append(make_alert(Priority::kError, "one"));
  spool->append(make_alert(Priority::kDebug, "two"));
  sink->stop(kGenerousMs);
  falco->stop(kGenerousMs);
  CHECK(content_of(path) == line("one") + "\n");
  CHECK(content_of(dir / "falco.json") == "{\"falco\":\"one\"}\n{\"falco\":\"two\"}\n");
  struct stat st {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0640);
}

TEST_CASE("file sink: rotation by size keeps whole lines and as many files as told") {
  Metrics metrics;
  TempDir dir;
  auto spool = make_memory_spool({}, metrics);
  const std::string path = dir / "a.json";
  const size_t size = line("00").size() + 1;
  auto sink = make_file_sink(*spool, {.path = path, .rotate_size_bytes = 3 * size, .rotate_files = 2}, metrics);
  REQUIRE(sink->start());
  for (int i = 10; i < 21; ++i) spool->append(make_alert(Priority::kError, std::to_string(i)));
  sink->stop(kGenerousMs);
  CHECK(lines_of(path) == Lines{line("19"), line("20")});
  CHECK(lines_of(path + ".1") == Lines{line("16"), line("17"), line("18")});
  CHECK(lines_of(path + ".2") == Lines{line("13"), line("14"), line("15")});
  CHECK_FALSE(std::filesystem::exists(path + ".3"));
  CHECK(metrics.sum("tiercel_output_errors_total") == 0);
}

TEST_CASE("file sink: reopen, a file that was moved, deleted or truncated under it") {
  Metrics metrics;
  TempDir dir;
  auto spool = make_memory_spool({}, metrics);
  const std::string path = dir / "a.json";
  auto sink = make_file_sink(*spool, {.path = path}, metrics);
  REQUIRE(sink->start());
  auto put = [&](const std::string& id) {
    spool->append(make_alert(Priority::kError, id));
    REQUIRE(eventually([&] { return spool->counts().waiting == 0; }));
  };
  put("one");
  std::filesystem::rename(path, path + ".moved");
  sink->reopen();
  CHECK(eventually([&] { return std::filesystem::exists(path); }));  // at once, without an alert
  put("two");
  std::filesystem::rename(path, path + ".again");  // nobody says so
  put("three");
  std::filesystem::remove(path);
  put("four");
  std::filesystem::resize_file(path, 0);  // copytruncate
  put("five");
  std::filesystem::rename(path, path + ".five");
  std::ofstream(path) << "";  // somebody makes the new one, as logrotate does
  put("six");
  sink->stop(kGenerousMs);
  CHECK(lines_of(path + ".moved") == Lines{line("one")});
  CHECK(lines_of(path + ".again") == Lines{line("two")});
  CHECK(content_of(path + ".five") == line("five") + "\n");
  CHECK(content_of(path) == line("six") + "\n");
}

TEST_CASE("file sink: half a line from a killed agent goes, somebody else's text stays") {
  Metrics metrics;
  TempDir dir;
  const std::string whole = line("before") + "\n";
  for (const auto& [before, after] : std::vector<std::pair<std::string, std::string>>{
           {whole + line("half").substr(0, 9), whole}, {"{\"tierc", ""}, {"notes", "notes\n"}, {whole, whole}}) {
    const std::string path = dir / "a.json";
    std::ofstream(path, std::ios::trunc) << before;
    auto spool = make_memory_spool({}, metrics);
    auto sink = make_file_sink(*spool, {.path = path}, metrics);
    REQUIRE(sink->start());
    spool->append(make_alert(Priority::kError, "new"));
    sink->stop(kGenerousMs);
    CHECK(content_of(path) == after + line("new") + "\n");
  }
}

TEST_CASE("file sink: what is no regular file, or cannot be made, is said at the start") {
  Metrics metrics;
  TempDir dir;
  auto spool = make_memory_spool({}, metrics);
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  for (const std::string& path : {dir / "fifo", dir.path(), std::string("/dev/null"), dir / "no/such/folder/a.json"}) {
    auto sink = make_file_sink(*spool, {.path = path}, metrics);
    const auto started = sink->start();
    REQUIRE_FALSE(started);
    CHECK(started.error().message.find(path) != std::string::npos);
  }
}

// A limit on the size of files stands in for a full disk: a write goes through in part, then fails.
TEST_CASE("file sink: a disk that is full leaves no half line and loses nothing") {
  Metrics metrics;
  TempDir dir;
  auto spool = make_memory_spool({}, metrics);
  const std::string path = dir / "a.json";
  const size_t size = line("10").size() + 1;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto sink = make_file_sink(*spool, {.path = path}, metrics);
  for (int i = 10; i < 30; ++i) spool->append(make_alert(Priority::kError, std::to_string(i)));
  rlimit small = before;
  small.rlim_cur = 5 * size + 3;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const bool started = sink->start().has_value();
  Counter& errors = metrics.counter("tiercel_output_errors_total", "", path);
  const bool failed = eventually([&] { return errors.value() >= 3; });
  // Between two attempts: whole lines only, and the rest is still in the spool.
  const bool whole = eventually([&] { return content_of(path).size() == 5 * size; });
  const bool kept = eventually([&] { return spool->counts().waiting == 15; });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  REQUIRE(started);
  CHECK(failed);
  CHECK(whole);
  CHECK(kept);
  CHECK(spool->counts().lost == 0);
  sink->stop(kGenerousMs);
  Lines expected;
  for (int i = 10; i < 30; ++i) expected.push_back(line(std::to_string(i)));
  CHECK(lines_of(path) == expected);
  CHECK(metrics.counter("tiercel_output_delivered_total", "", path).value() == 20);
}
