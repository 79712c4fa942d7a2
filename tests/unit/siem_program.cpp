// The program output, against shells and tools of the host.
#include <doctest/doctest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "siem/local/program_forwarder.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Priority;
using Lines = std::vector<std::string>;

namespace {

const SystemClock kClock;

template <class Predicate>
bool eventually(Predicate predicate) {
  for (int i = 0; i < kGenerousMs; ++i) {
    if (predicate()) return true;
    ::usleep(1000);
  }
  return false;
}

struct Bench {
  Metrics metrics;
  alert::Reports reports{metrics};
  std::unique_ptr<Spool> spool = make_memory_spool({}, metrics);
  std::unique_ptr<Forwarder> forwarder;

  explicit Bench(std::vector<std::string> program, ProgramForwarderOptions options = {}) {
    options.program = std::move(program);
    options.forwarder.name = "program";
    options.forwarder.retry_ms_min = 1;
    options.forwarder.retry_ms_max = 20;
    forwarder = make_program_forwarder(*spool, std::move(options), metrics, kClock, reports);
    REQUIRE(forwarder->start());
  }
  void append(const std::string& text) const { spool->append(make_alert(Priority::kError, text)); }
  [[nodiscard]] uint64_t delivered() const { return metrics.sum("tiercel_output_delivered_total"); }
  [[nodiscard]] uint64_t errors() const { return metrics.sum("tiercel_output_errors_total"); }
};

Bench shell(const std::string& script, const std::string& argument, ProgramForwarderOptions options = {}) {
  return Bench({"/bin/sh", "-c", script, "sh", argument}, std::move(options));
}

std::string json(size_t i) {
  return "{\"falco\":\"m" + std::to_string(i) + "\"}";
}

// Gone, or a zombie that its new parent has not taken yet.
bool has_ended(const std::string& pid) {
  const std::string stat = content_of("/proc/" + pid + "/stat");
  const size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || stat.substr(name_end + 2, 1) == "Z";
}

bool all_in_order(const Lines& lines, size_t count) {
  if (lines.size() != count) return false;
  for (size_t i = 0; i < count; ++i)
    if (lines[i] != json(i)) return false;
  return true;
}

}  // namespace

TEST_CASE("program: a line of JSON for each alert, arguments as given, nothing of a shell's") {
  const TempDir dir;
  const std::string out = dir / "out put;$HOME";
  {
    const Bench bench({"/usr/bin/tee", "--", out});
    constexpr size_t kCount = 2'000;
    for (size_t i = 0; i < kCount; ++i) bench.append("m" + std::to_string(i));
    REQUIRE(eventually([&] { return bench.delivered() == kCount; }));
    CHECK(bench.errors() == 0);
  }
  CHECK(all_in_order(lines_of(out), 2'000));
}

TEST_CASE("program: it inherits no descriptor and none of our environment") {
  const TempDir dir;
  ::setenv("TIERCEL_TEST_SECRET", "x", 1);
  {
    const Bench bench = shell("read line; ls /proc/$$/fd > \"$1.fds\"; env > \"$1.env\"; cat", dir / "seen");
    bench.append("m0");
    REQUIRE(eventually([&] { return content_of(dir / "seen.env").find("PATH=") != std::string::npos; }));
  }
  ::unsetenv("TIERCEL_TEST_SECRET");
  CHECK(content_of(dir / "seen.env").find("TIERCEL_TEST_SECRET") == std::string::npos);
  // A shell itself may hold the script or a copy at 10 and above.
  for (const std::string& fd : lines_of(dir / "seen.fds")) CHECK((std::stoi(fd) <= 2 || std::stoi(fd) >= 10));
}

TEST_CASE("program: one that dies with lines unread: they go to the next one, in order") {
  const TempDir dir;
  constexpr size_t kCount = 30;
  {
    // A shell's read takes no byte beyond the line.
    const Bench bench =
        shell("for i in 1 2 3 4 5 6 7; do read -r line || exit 0; printf '%s\\n' \"$line\" >> \"$1\"; done; kill -9 $$",
              dir / "out");
    for (size_t i = 0; i < kCount; ++i) bench.append("m" + std::to_string(i));
    REQUIRE(eventually([&] { return bench.delivered() == kCount; }));
    bench.forwarder->stop(kGenerousMs);
  }
  CHECK(all_in_order(lines_of(dir / "out"), kCount));
}

TEST_CASE("program: one that reads slowly gets everything once") {
  const TempDir dir;
  constexpr size_t kCount = 40;
  {
    const Bench bench =
        shell("while read -r line; do sleep 0.005; printf '%s\\n' \"$line\" >> \"$1\"; done", dir / "out");
    for (size_t i = 0; i < kCount; ++i) bench.append("m" + std::to_string(i));
    REQUIRE(eventually([&] { return bench.delivered() == kCount; }));
    CHECK(bench.errors() == 0);
    CHECK(bench.forwarder->status().last_answer.ends_with(": read"));
  }
  CHECK(all_in_order(lines_of(dir / "out"), kCount));
}

TEST_CASE("program: one that hangs is ended with its children, and the lines wait; a stop does not hang") {
  const TempDir dir;
  const Bench bench = shell("trap '' TERM; sleep 1000 & echo $$ $! >> \"$1\"; wait; sleep 1000", dir / "pids",
                            {.hang_ms_max = 50, .end_ms = 50});
  bench.append("m0");
  REQUIRE(eventually([&] { return bench.errors() >= 2; }));
  CHECK(bench.forwarder->status().last_answer.find("it read nothing for 50 ms and was ended") != std::string::npos);
  CHECK(bench.delivered() == 0);
  CHECK(bench.forwarder->status().held == 1);
  const Lines pids = lines_of(dir / "pids");
  REQUIRE(pids.size() >= 2);
  const size_t blank = pids.front().find(' ');
  for (const std::string& pid : {pids.front().substr(0, blank), pids.front().substr(blank + 1)})
    CHECK(eventually([&] { return has_ended(pid); }));
  bench.forwarder->stop(0);
}

TEST_CASE("program: what cannot be started, or ends at once, is said; the alerts wait") {
  for (const auto& [program, why] : std::vector<std::pair<Lines, std::string>>{
           {{"/nowhere/program"}, "No such file"}, {{"tee"}, "whole path"}, {{"/bin/false"}, "status 1"}}) {
    const Bench bench(program);
    bench.append("m0");
    REQUIRE(eventually([&] { return bench.errors() >= 1; }));
    CHECK(bench.forwarder->status().last_answer.find(why) != std::string::npos);
    CHECK(bench.delivered() == 0);
    bench.forwarder->stop(0);
  }
}

TEST_CASE("program: one that writes much and closes its input does no harm") {
  const Bench chatty({"/bin/sh", "-c", "while read -r line; do head -c 300000 /dev/zero | tr '\\0' '\\n'; done"});
  for (size_t i = 0; i < 5; ++i) chatty.append("m" + std::to_string(i));
  REQUIRE(eventually([&] { return chatty.delivered() == 5; }));
  const Bench deaf({"/bin/sh", "-c", "exec 0<&-; sleep 1000"}, {.end_ms = 50});
  deaf.append("m0");
  REQUIRE(eventually([&] { return deaf.errors() >= 1; }));
  CHECK(deaf.delivered() == 0);
  deaf.forwarder->stop(0);
}
