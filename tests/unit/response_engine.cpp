// The engine: what it does once, what it does not do, and what outlives it. Start times come from a function here; the
// live test has the kernel's own.
#include <doctest/doctest.h>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/response/engine.h"
#include "agent/response/proc.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::response;
using tiercel::siem::test::TempDir;

namespace {

constexpr uint64_t kStartNs = 26'210'323'544'059;

// A program that is not ours, ended at the end.
class Victim {
 public:
  Victim() : pid_(::fork()) {
    if (pid_ == 0) {
      ::execl("/bin/sleep", "sleep", "300", nullptr);
      ::_exit(127);
    }
    while (!proc_stat(pid_) || proc_stat(pid_)->name != "sleep") ::usleep(1'000);
  }
  ~Victim() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  [[nodiscard]] int32_t pid() const { return pid_; }
  [[nodiscard]] char state() const { return proc_stat(pid_)->state; }

 private:
  pid_t pid_;
};

class Bench {
 public:
  Bench() {
    options.state_dir = dir_.path();
    options.start_times = [] { return [](int32_t) { return Result<uint64_t>(kStartNs); }; };
  }
  Engine& start() {
    engine.emplace(options, reports, metrics, clock);
    REQUIRE(engine->start());
    return *engine;
  }
  [[nodiscard]] static Order order(const std::string& name, Act act, int32_t pid) {
    Order order;
    order.response = name;
    order.act = act;
    order.pid = pid;
    order.start_ns = kStartNs;
    order.budget_per_min = 10;
    order.alert = std::make_shared<const alert::Alert>();
    return order;
  }
  // The results of the receipts, once there are `count`.
  std::vector<std::string> results(size_t count) {
    for (int i = 0; i < 30'000 && results_.size() < count; ++i) {
      for (const alert::Report& report : reports.take())
        for (const auto& [name, value] : report.fields)
          if (name == "response.result") results_.push_back(std::get<std::string>(value.value));
      if (results_.size() < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return results_;
  }
  EngineOptions options;
  Metrics metrics;
  alert::Reports reports{metrics};
  FakeClock clock;
  std::optional<Engine> engine;

 private:
  TempDir dir_;
  std::vector<std::string> results_;
};

using Results = std::vector<std::string>;

}  // namespace

TEST_CASE("response engine: Tiercel's own children, itself and pid 1 are never touched") {
  Bench bench;
  Engine& engine = bench.start();
  const Victim child;  // of this process: as if the agent had started it
  engine.offer(Bench::order("a", Act::kKill, child.pid()));
  engine.offer(Bench::order("a", Act::kKill, ::getpid()));
  engine.offer(Bench::order("a", Act::kKill, ::getppid()));
  engine.offer(Bench::order("a", Act::kKill, 1));
  CHECK(bench.results(4) == Results{"refused", "refused", "refused", "refused"});
  CHECK(child.state() != 'Z');
  CHECK(bench.metrics.sum("tiercel_local_responses_refused_total") == 4);
}

TEST_CASE("response engine: the same twice is done once, and a repeat makes no receipt") {
  Bench bench;
  Engine& engine = bench.start();
  for (int i = 0; i < 3; ++i) engine.offer(Bench::order("a", Act::kKill, 1));
  engine.offer(Bench::order("a", Act::kKill, ::getpid()));
  CHECK(bench.results(2) == Results{"refused", "refused"});
  CHECK(bench.metrics.sum("tiercel_local_responses_repeated_total") == 2);
  bench.clock.advance_ns(kRepeatNs + 1);
  engine.offer(Bench::order("a", Act::kKill, 1));
  CHECK(bench.results(3).size() == 3);
}

TEST_CASE("response engine: a dry run of the whole host, and a budget that is told once a minute") {
  Bench bench;
  bench.options.policy.dry_run = true;
  Engine& engine = bench.start();
  for (int i = 0; i < 6; ++i) {
    Order order = Bench::order("block", Act::kBlock, 0);
    order.address = fmt::format("203.0.113.{}", i + 1);
    order.budget_per_min = 2;
    engine.offer(std::move(order));
  }
  auto results = bench.results(3);
  std::sort(results.begin(), results.end());  // two threads
  CHECK(results == Results{"budget", "would", "would"});
  CHECK(engine.list().find(R"("in_effect":[])") != std::string::npos);
}

TEST_CASE("response engine: what the kernel did is told, and not done again") {
  Bench bench;
  Engine& engine = bench.start();
  for (const auto what :
       {KernelDeed::What::kSent, KernelDeed::What::kWould, KernelDeed::What::kBudget, KernelDeed::What::kBudget}) {
    Order order = Bench::order("a", Act::kKill, 4'000'000);
    order.kernel = KernelDeed{what, bench.clock.boottime_ns()};
    engine.offer(std::move(order));
  }
  CHECK(bench.results(3) == Results{"done", "would", "budget"});
  CHECK(bench.metrics.sum("tiercel_local_responses_budget_total") == 2);
}

TEST_CASE("response engine: what the kernel wrote down after it was looked for is found when the target is gone") {
  Bench bench;
  Engine& engine = bench.start();
  Order order = Bench::order("a", Act::kKill, 4'000'000);
  auto looks = std::make_shared<int>(0);
  order.ask_kernel = [looks, at_ns = bench.clock.boottime_ns()]() -> std::optional<KernelDeed> {
    if (++*looks < 2) return std::nullopt;
    return KernelDeed{KernelDeed::What::kSent, at_ns};
  };
  engine.offer(std::move(order));
  CHECK(bench.results(1) == Results{"done"});
}

TEST_CASE("response engine: a queue that is full refuses without waiting") {
  Bench bench;
  bench.options.waiting_max = 0;
  Engine& engine = bench.start();
  CHECK_FALSE(engine.offer(Bench::order("a", Act::kKill, 1)));
  CHECK_FALSE(engine.offer(Bench::order("a", Act::kKill, 1)));
  CHECK(bench.results(1) == Results{"refused"});
  CHECK(bench.metrics.sum("tiercel_local_responses_lost_total") == 2);
}

TEST_CASE("response engine: what is undone is what was kept, byte by byte") {
  Undo undo;
  undo.act = Act::kSuspend;
  undo.processes = {{4711, kStartNs}, {4712, 1}};
  undo.freezers = {"/sys/fs/cgroup/freezer/a \"b\"/freezer.state"};
  undo.address = "192.0.2.1";
  undo.net_ns = UINT64_MAX;
  const auto read = parse_undo(undo_text(undo));
  REQUIRE(read);
  CHECK(undo_text(*read) == undo_text(undo));
  CHECK(read->processes == undo.processes);
  for (const char* bad : {"", "[]", "{}", R"({"act":"fly"})", R"({"act":5})"}) CHECK_FALSE(parse_undo(bad));
}

TEST_CASE("response engine: programs that are protected, by name and by path") {
  CHECK(matches_program("sshd*", "/usr/lib/openssh/sshd-session"));
  CHECK(matches_program("containerd-shim*", "/usr/bin/containerd-shim-runc-v2"));
  CHECK(matches_program("systemd", "/usr/lib/systemd/systemd"));
  CHECK_FALSE(matches_program("systemd", "/usr/bin/systemd-not"));
  CHECK_FALSE(matches_program("runc", "/tmp/runc/xmrig"));
  CHECK(matches_program("/opt/app/*", "/opt/app/bin/it"));
  CHECK_FALSE(matches_program("/opt/app/it", "/other/opt/app/it"));
  CHECK_FALSE(matches_program("", "/bin/sh"));
  const Protection protection({"/opt/mine"});
  for (const char* path : {"/usr/bin/bash", "/etc/shadow", "/lib64/ld-linux.so", "/opt/mine"})
    CHECK_FALSE(protection.why_file(path).empty());
  for (const char* path : {"/tmp/xmrig", "/usr/local/bin/brought", "/home/a/x"})
    CHECK(protection.why_file(path).empty());
}
