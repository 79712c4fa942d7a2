// Who looks is counted for, and nobody else: the request `top` over the control socket, and its end.
#include <doctest/doctest.h>
#include <poll.h>

#include <future>
#include <optional>

#include "agent/control/control_client.h"
#include "agent/look_service.h"
#include "agent/top/sample.h"
#include "rule_support.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

struct NoSource final : sensor::Source {
  Result<> start(const sensor::RecordHandler&) override { return {}; }
  size_t drain(const sensor::RecordHandler&, size_t) override { return 0; }
  [[nodiscard]] std::vector<int> wait_fds() const override { return {}; }
  [[nodiscard]] std::array<sensor::RingFill, 2> ring_fills() const override {
    return {sensor::RingFill{"vital", 5, 100}, sensor::RingFill{"bulk", fill, 100}};
  }
  uint64_t fill = 7;
};

struct Bench {
  Metrics metrics;
  SystemClock system;
  FakeClock clock;
  context::Containers containers{context::Containers::Options::nothing_read(), metrics};
  context::ProcessTable table{{}, containers, metrics};
  context::Users users{"/nonexistent"};
  context::Enricher enricher{system, table, containers, users};
  alert::AlertMaker maker{{}};
  alert::Reports reports{metrics};
  std::unique_ptr<siem::Spool> spool = siem::make_spool({}, metrics, system, reports);
  NoSource source;
  LookService looks{clock, std::chrono::minutes(2)};
  Pipeline pipeline{enricher, load(rule_yaml("evt.type = execve and proc.exepath endswith miner")).rules, maker, *spool,
                    metrics};
  siem::test::TempDir dir;
  control::ControlServer control{{.socket_path = dir.path() + "/s", .deadline_ms = 120'000}, metrics};

  Bench() {
    looks.serve(control, [] { return std::string(R"({"events":3})"); });
    REQUIRE(control.start());
  }
  ~Bench() {
    looks.close();
    control.stop();
  }
  // As the agent's loop does it.
  Result<std::string> ask(const std::string& for_s) {
    auto reply = std::async(std::launch::async, [&] {
      return control::call(dir.path() + "/s", "top", {{"for_s", for_s}}, 120'000);
    });
    pollfd fd{looks.fd(), POLLIN, 0};
    REQUIRE(::poll(&fd, 1, 120'000) == 1);
    looks.attend(pipeline, source);
    return reply.get();
  }
  top::Sample sample(const std::string& for_s = "5") {
    auto reply = ask(for_s);
    REQUIRE_MESSAGE(reply, reply.error().message);
    auto sample = top::parse_sample(*reply);
    REQUIRE_MESSAGE(sample, sample.error().message);
    return *sample;
  }
  void run_program(const std::string& name) {
    decoders::RecordBuilder<ev_exec> builder(EVT_execve);
    builder->head.time_ns = kNow;
    builder->head.pid = builder->head.tid = 4711;
    builder->head.start_ns = kNow - 5;
    builder.set_text(&ev_exec::argv, name + '\0').set_text(&ev_exec::filename, "/usr/bin/" + name);
    builder.set_text(&ev_exec::exepath, "/usr/bin/" + name).set_text(&ev_exec::cwd, "/");
    const auto bytes = builder.bytes();
    std::vector<uint64_t> words((bytes.size() + 7) / 8);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    pipeline.handle({reinterpret_cast<const std::byte*>(words.data()), bytes.size()});
  }
};

}  // namespace

TEST_CASE("look service: counts from the first question on, and no longer than asked for") {
  Bench bench;
  bench.run_program("miner");  // nobody looks
  const top::Sample first = bench.sample();
  CHECK(first.all.number("events") == 0);
  CHECK(first.all.number("status.events") == 3);
  CHECK(first.rings.size() == 2);
  bench.run_program("miner");
  bench.source.fill = 60;
  bench.run_program("honest");
  bench.source.fill = 20;
  const top::Sample second = bench.sample();
  CHECK(second.all.number("events") == 2);
  CHECK(second.all.number("since_ns") == first.all.number("since_ns"));
  REQUIRE(second.rules.size() == 1);
  CHECK(second.rules.front().number("alerts") == 1);
  CHECK(second.rings[1].number("used_bytes") == 20);
  CHECK(second.rings[1].number("peak_bytes") == 60);
  CHECK(bench.metrics.sum("tiercel_alerts_total") == 2);  // looking takes no alert away
  bench.clock.advance_ms(4'999);
  bench.looks.tick(bench.pipeline);
  bench.run_program("honest");
  CHECK(bench.sample("2").all.number("events") == 3);  // a shorter look beside a longer one
  bench.clock.advance_ms(5'001);
  bench.looks.tick(bench.pipeline);
  bench.run_program("miner");
  bench.clock.advance_ms(1);
  const top::Sample later = bench.sample();
  CHECK(later.all.number("events") == 0);
  CHECK(later.all.number("since_ns") > second.all.number("since_ns"));
}

TEST_CASE("look service: another set of rules while somebody looks") {
  Bench bench;
  bench.sample();
  bench.run_program("miner");
  auto other = std::make_unique<Matcher>(load(rule_yaml("evt.type = execve", "out", "Other")).rules);
  bench.pipeline.exchange(other);
  bench.run_program("honest");
  const top::Sample sample = bench.sample();
  REQUIRE(sample.rules.size() == 1);
  CHECK(sample.rules.front().key == "Other");
  CHECK(sample.rules.front().number("alerts") == 1);
}

TEST_CASE("look service: an agent that stops says so") {
  Bench bench;
  auto reply =
      std::async(std::launch::async, [&] { return control::call(bench.dir.path() + "/s", "top", {}, 120'000); });
  pollfd fd{bench.looks.fd(), POLLIN, 0};
  REQUIRE(::poll(&fd, 1, 120'000) == 1);
  bench.looks.close();
  const auto answer = reply.get();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().message.find("stopping") != std::string::npos);
}
