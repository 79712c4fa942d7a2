// What the agent looks at of itself: hooks, files, a tracer, its own pauses.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "agent/attach_watch.h"
#include "agent/base/clock.h"
#include "agent/files_watch.h"
#include "agent/pause_watch.h"
#include "agent/tracer_watch.h"

using namespace tiercel;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

std::string field(const alert::Report& report, const std::string& name) {
  for (const auto& [key, value] : report.fields)
    if (key == name) {
      if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
      if (const auto* number = std::get_if<int64_t>(&value.value)) return std::to_string(*number);
      if (const auto* natural = std::get_if<uint64_t>(&value.value)) return std::to_string(*natural);
    }
  return {};
}

std::vector<sensor::AttachedHook> some_hooks() {
  return {{0, "process__fork", "tp_btf", 11, 21, 0xabc}, {7, "file__openat", "tracepoint", 12, 22, 0xdef}};
}

}  // namespace

TEST_CASE("attach watch: all is there") {
  AttachWatch watch;
  auto hooks = some_hooks();
  CHECK_FALSE(watch.look(hooks));
  CHECK(watch.state().hooks == 2);
  CHECK(watch.state().gone == 0);
  CHECK(watch.state().digest.size() == 16);
  std::swap(hooks[0], hooks[1]);
  CHECK(digest_of(hooks) == watch.state().digest);  // the order does not count, nor do ids
  hooks[0].link_id = 99;
  CHECK(digest_of(hooks) == watch.state().digest);
  hooks[0].tag = 1;
  CHECK(digest_of(hooks) != watch.state().digest);
  CHECK(digest_of({}).empty());
}

TEST_CASE("attach watch: a hook that the kernel no longer has is told of once") {
  AttachWatch watch;
  auto hooks = some_hooks();
  CHECK_FALSE(watch.look(hooks));
  const std::string before = watch.state().digest;
  hooks[1].link_id = hooks[1].program_id = 0;
  const auto report = watch.look(hooks);
  REQUIRE(report);
  CHECK(report->rule == kTamperedRule);
  CHECK(report->priority == Priority::kCritical);
  CHECK(field(*report, "hooks").starts_with("file__openat ("));
  CHECK(field(*report, "gone") == "1");
  CHECK_FALSE(watch.look(hooks));
  CHECK(watch.state().digest != before);
  CHECK_FALSE(watch.look(some_hooks()));  // put back
  CHECK(watch.look(hooks));               // and taken again
}

TEST_CASE("attach watch: a hook that the agent took back itself is no news, one in another's place is") {
  AttachWatch watch;
  auto hooks = some_hooks();
  CHECK_FALSE(watch.look(hooks));
  hooks.pop_back();
  CHECK_FALSE(watch.look(hooks));
  hooks = some_hooks();
  CHECK_FALSE(watch.look(hooks));
  hooks[1].link_id = hooks[0].link_id;
  CHECK(watch.look(hooks));
}

TEST_CASE("files watch: each change is told with what it was, once; the first look tells nothing") {
  const std::string folder = std::filesystem::temp_directory_path() / ("tiercel-files-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder + "/rules.d");
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder + "/" + name) << text;
  };
  write("client.keys", "key");
  write("rules.d/a.yaml", "a");
  write("rules.d/b.yaml", "b");
  write("rules.d/not-rules.txt", "c");
  bool ours = false;
  using Kind = FilesWatch::Kind;
  FilesWatch watch(
      {{Kind::kKey, folder + "/client.keys"}, {Kind::kRules, folder + "/rules.d"}, {Kind::kUnit, folder + "/none"}},
      [&](const std::string&) { return ours; });
  CHECK(watch.look().empty());
  CHECK(watch.look().empty());

  std::filesystem::remove(folder + "/rules.d/b.yaml");
  auto reports = watch.look();
  REQUIRE(reports.size() == 1);
  CHECK(field(reports[0], "what") == "removed");
  CHECK(field(reports[0], "file") == folder + "/rules.d/b.yaml");
  CHECK(reports[0].priority == Priority::kError);
  CHECK(watch.look().empty());

  write("rules.d/a.yaml", "more");
  reports = watch.look();
  REQUIRE(reports.size() == 1);
  CHECK(field(reports[0], "what") == "written to");
  CHECK(reports[0].priority == Priority::kNotice);
  CHECK(reports[0].routine);

  write("new", "key");
  std::filesystem::rename(folder + "/new", folder + "/client.keys");
  reports = watch.look();
  REQUIRE(reports.size() == 1);
  CHECK(field(reports[0], "what") == "replaced");
  CHECK(reports[0].priority == Priority::kError);

  ::chmod((folder + "/client.keys").c_str(), 0666);
  reports = watch.look();
  REQUIRE(reports.size() == 1);
  CHECK(field(reports[0], "what") == "given another owner or mode");

  ours = true;
  write("client.keys", "a key of our own");
  CHECK(watch.look().empty());
  write("none", "[Service]");
  reports = watch.look();
  REQUIRE(reports.size() == 1);
  CHECK(field(reports[0], "what") == "added");
  CHECK(field(reports[0], "kind") == "unit");
  std::filesystem::remove_all(folder);
}

TEST_CASE("tracer watch: a tracer is told of once") {
  CHECK(tracer_in("Name:\ttiercel\nTracerPid:\t0\nUid:\t0\n") == 0);
  CHECK(tracer_in("Name:\ttiercel\nTracerPid:\t4711\nUid:\t0\n") == 4711);
  CHECK(tracer_in("Name:\ttiercel\n") == 0);
  TracerWatch watch;
  CHECK_FALSE(watch.look_at(0));
  const auto report = watch.look_at(::getpid());
  REQUIRE(report);
  CHECK(field(*report, "tracer_pid") == std::to_string(::getpid()));
  CHECK(field(*report, "tracer_exe").find("unit_tests") != std::string::npos);
  CHECK_FALSE(watch.look_at(::getpid()));
  CHECK_FALSE(watch.look_at(0));
  CHECK(watch.look_at(::getpid()));
}

TEST_CASE("pause watch: a tick that comes late is a gap, with what was lost in it") {
  FakeClock clock;
  PauseWatch watch;
  CHECK_FALSE(watch.look(clock, 3, '\0'));
  for (int s = 0; s < 10; ++s) {
    clock.advance_ns(kSecondNs);
    CHECK_FALSE(watch.look(clock, 3, '\0'));
  }
  clock.advance_ns(20 * kSecondNs);
  auto report = watch.look(clock, 10, 'T');
  REQUIRE(report);
  CHECK(report->rule == "Tiercel internal: gap");
  CHECK(field(*report, "how") == "stopped");
  CHECK(field(*report, "gap_ms") == "20000");
  CHECK(field(*report, "lost") == "7");
  CHECK_FALSE(watch.look(clock, 10, '\0'));
  clock.advance_ns(6 * kSecondNs);
  report = watch.look(clock, 10, '\0');
  REQUIRE(report);
  CHECK(field(*report, "how") == "paused");
}
