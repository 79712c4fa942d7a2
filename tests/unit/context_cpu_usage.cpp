// What processes use of CPUs between two looks.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "agent/context/cpu_usage.h"
#include "decoders/encode.h"

using namespace tiercel;
using namespace tiercel::context;
using decoders::RecordBuilder;

namespace {

constexpr uint64_t kSecond = 1'000'000'000, kMs = 1'000'000;

struct Told {
  uint32_t pid;
  uint32_t cpu, user, system;  // in 1/1000 %
  bool operator==(const Told&) const = default;
};

// A thread as the task iterator tells it.
struct Thread {
  ProcessKey process;
  uint64_t run_ns = 0, user_ns = 0, system_ns = 0;
  uint64_t ended_run_ns = 0, ended_user_ns = 0, ended_system_ns = 0;
  uint32_t tid = 0;  // 0: the main thread
};

struct Looks {
  explicit Looks(CpuUsage::Limits limits = {}) : usage(limits, metrics) { usage.set_interval_s(10); }

  std::vector<std::vector<std::byte>> look(uint64_t now_ns, const std::vector<Thread>& threads, bool complete = true) {
    usage.begin();
    for (const Thread& thread : threads) {
      RecordBuilder<ev_cpu_time> b(EVT_cpu_time);
      b->head.pid = thread.process.pid;
      b->head.start_ns = thread.process.start_ns;
      b->head.tid = thread.tid != 0 ? thread.tid : thread.process.pid;
      if (thread.tid != 0) b->head.flags = EVF_THREAD;
      if (thread.tid == 0) b->head.euid = 33;
      if (thread.tid == 0) b->head.time_ns = now_ns;
      b->run_ns = thread.run_ns;
      b->user_ns = thread.user_ns;
      b->system_ns = thread.system_ns;
      b->ended_run_ns = thread.ended_run_ns;
      b->ended_user_ns = thread.ended_user_ns;
      b->ended_system_ns = thread.ended_system_ns;
      usage.take(b.bytes());
    }
    return usage.end(now_ns, complete);
  }
  std::vector<Told> told(uint64_t now_ns, const std::vector<Thread>& threads, bool complete = true) {
    std::vector<Told> out;
    for (const auto& bytes : look(now_ns, threads, complete)) {
      const auto record = decoders::Record::parse(bytes);
      REQUIRE(record);
      const auto* info = record->as<ev_procinfo>();
      REQUIRE(info);
      out.push_back({info->head.pid, info->cpu, info->user, info->system});
    }
    return out;
  }
  uint64_t unmeasured() { return static_cast<uint64_t>(metrics.sum("tiercel_processes_unmeasured_total")); }

  Metrics metrics;
  CpuUsage usage;
};

const ProcessKey kA{10, 100}, kB{11, 200};

}  // namespace

TEST_CASE("cpu usage: the difference of two looks, in per cent of one CPU") {
  Looks looks;
  CHECK(
      looks.told(100 * kSecond, {{kA, 50 * kSecond, 40 * kSecond, 10 * kSecond}}).empty());  // nothing to compare with
  // 9 of 10 s; by ticks a third of it in the kernel
  CHECK(looks.told(110 * kSecond, {{kA, 59 * kSecond, 46 * kSecond, 13 * kSecond}}) ==
        std::vector<Told>{{10, 90'000, 60'000, 30'000}});
  CHECK(looks.told(120 * kSecond, {{kA, 59 * kSecond, 46 * kSecond, 13 * kSecond}}).empty());
  // the interval is what it was, not what was meant
  CHECK(looks.told(140 * kSecond, {{kA, 69 * kSecond, 56 * kSecond, 13 * kSecond}}) ==
        std::vector<Told>{{10, 50'000, 50'000, 0}});
}

TEST_CASE("cpu usage: five per cent are told, and less is not") {
  Looks looks;
  looks.look(100 * kSecond, {{kA}, {kB}});
  CHECK(looks.told(110 * kSecond, {{kA, 500 * kMs}, {kB, 499 * kMs}}) == std::vector<Told>{{10, 5'000, 5'000, 0}});
}

TEST_CASE("cpu usage: all threads of a process count, and those that ended") {
  Looks looks;
  looks.look(100 * kSecond, {{kA, 1 * kSecond}, {kA, 1 * kSecond, 0, 0, 0, 0, 0, 20}});
  // each of the two 10 s, and a third one began and ended: 5 s. What ended is told with every thread and counts once.
  const uint64_t ended = 5 * kSecond;
  CHECK(looks.told(110 * kSecond, {{kA, 11 * kSecond, 10 * kSecond, 0, ended, 0, ended},
                                   {kA, 11 * kSecond, 10 * kSecond, 0, ended, 0, ended, 20}}) ==
        std::vector<Told>{{10, 250'000, 200'000, 50'000}});
  // A thread that the iterator comes to before the main one: pids wrap.
  CHECK(looks.told(120 * kSecond, {{kA, 21 * kSecond, 20 * kSecond, 0, ended, 0, ended, 5},
                                   {kA, 11 * kSecond, 10 * kSecond, 0, 99 * ended, 0, ended}}) ==
        std::vector<Told>{{10, 100'000, 100'000, 0}});
}

TEST_CASE("cpu usage: a thread that ends during the look is no gap, and comes back as no leap") {
  Looks looks;
  looks.look(100 * kSecond, {{kA, 1 * kSecond}, {kA, 50 * kSecond, 0, 0, 0, 0, 0, 20}});
  CHECK(looks.told(110 * kSecond, {{kA, 2 * kSecond}}).empty());  // neither alive nor among those that ended
  CHECK(looks.told(120 * kSecond, {{kA, 3 * kSecond, 0, 0, 50 * kSecond}}) ==
        std::vector<Told>{{10, 20'000, 20'000, 0}});
}

TEST_CASE("cpu usage: another process under the same pid begins at nothing") {
  Looks looks;
  looks.look(100 * kSecond, {{kA, 50 * kSecond}});
  const ProcessKey other{kA.pid, 300};
  CHECK(looks.told(110 * kSecond, {{other, 4 * kSecond}}) == std::vector<Told>{{10, 40'000, 40'000, 0}});
}

TEST_CASE("cpu usage: one that is as old as others and was not told of is measured from now on") {
  Looks looks;
  looks.look(100 * kSecond, {{kB}});
  CHECK(looks.told(110 * kSecond, {{kA, 500 * kSecond}, {kB}}).empty());
  CHECK(looks.told(120 * kSecond, {{kA, 505 * kSecond}, {kB}}) == std::vector<Told>{{10, 50'000, 50'000, 0}});
}

TEST_CASE("cpu usage: the record says who, what it used in all, and how long the interval was") {
  Looks looks;
  looks.look(100 * kSecond, {{kA, 100 * kSecond, 90 * kSecond, 30 * kSecond}});
  const auto records = looks.look(105 * kSecond, {{kA, 104 * kSecond, 90 * kSecond, 30 * kSecond}});
  REQUIRE(records.size() == 1);
  const auto record = decoders::Record::parse(records[0]);
  REQUIRE(record);
  const auto* info = record->as<ev_procinfo>();
  REQUIRE(info);
  CHECK(info->head.pid == 10);
  CHECK(info->head.start_ns == 100);
  CHECK(info->head.euid == 33);
  CHECK(info->head.time_ns == 105 * kSecond);
  CHECK(info->interval_ns == 5 * kSecond);
  CHECK(info->total_ns == 104 * kSecond);
  CHECK(info->cpu_usr == 7'800);  // three quarters, by ticks
  CHECK(info->cpu_sys == 2'600);
  CHECK(info->cpu == 80'000);
}

TEST_CASE("cpu usage: state is bounded, follows the living, and says what it left out") {
  Looks looks({.processes_max = 2});
  looks.look(100 * kSecond, {{kA}, {kB}, {{12, 300}}, {{12, 300}, 0, 0, 0, 0, 0, 0, 13}});
  CHECK(looks.usage.size() == 2);
  CHECK(looks.unmeasured() == 1);  // a process, not a thread
  // The one that was left out has room now, and is not taken for a new one.
  CHECK(looks.told(110 * kSecond, {{kA}, {{12, 300}, 90 * kSecond}}).empty());
  CHECK(looks.usage.size() == 2);
  looks.look(120 * kSecond, {});
  CHECK(looks.usage.size() == 0);
}

TEST_CASE("cpu usage: a look that was cut short counts for nothing") {
  Looks looks;
  looks.look(100 * kSecond, {{kA, 1 * kSecond}});
  CHECK(looks.told(110 * kSecond, {{kA, 9 * kSecond}}, false).empty());
  CHECK(looks.told(120 * kSecond, {{kA, 11 * kSecond}}) == std::vector<Told>{{10, 50'000, 50'000, 0}});
}

TEST_CASE("cpu usage: a look is due once an interval, and at once after it was forgotten") {
  Looks looks;
  CHECK(looks.usage.due(0));
  looks.look(100 * kSecond, {{kA}});
  CHECK_FALSE(looks.usage.due(109 * kSecond + 400 * kMs));
  CHECK(looks.usage.due(109 * kSecond + 999 * kMs));  // a tick that came a moment early
  looks.usage.forget();
  CHECK(looks.usage.size() == 0);
  CHECK(looks.usage.due(101 * kSecond));
  CHECK(looks.told(110 * kSecond, {{kA, 9 * kSecond}}).empty());  // the first look again
}

TEST_CASE("cpu usage: bytes that are no such record are passed by") {
  Looks looks;
  looks.usage.begin();
  const std::vector<uint64_t> zeros(4);
  looks.usage.take(std::as_bytes(std::span(zeros)));
  RecordBuilder<ev_call> other(EVT_kill);
  looks.usage.take(other.bytes());
  CHECK(looks.usage.end(100 * kSecond).empty());
  CHECK(looks.usage.size() == 0);
}
