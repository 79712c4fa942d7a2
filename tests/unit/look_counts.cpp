// What is counted of rules, processes, containers and event types while somebody looks, and that what the agent writes
// of it is what `tiercel top` reads.
#include <doctest/doctest.h>

#include <fmt/core.h>

#include <memory>

#include "agent/look/counts.h"
#include "agent/top/sample.h"
#include "rule_support.h"

using namespace tiercel;
using namespace tiercel::rule;
using namespace tiercel::rule::test;

namespace {

// 100 ns pass between two looks at it, and 7 in it.
class StepClock final : public Clock {
 public:
  uint64_t boottime_ns() const override { return now_ns_; }
  uint64_t monotonic_ns() const override { return now_ns_ += step_ns; }
  uint64_t realtime_ns() const override { return now_ns_; }
  mutable uint64_t step_ns = 7;

 private:
  mutable uint64_t now_ns_ = 1'000'000;
};

const std::string kRules = rule_yaml("evt.type = openat and fd.name = /etc/shadow", "out", "Shadow") +
                           rule_yaml("evt.type = openat and proc.name = bash", "out", "Bash opens") +
                           rule_yaml("evt.type = connect", "out", "Connects");

struct Bench {
  StepClock clock;
  Loaded loaded = load(kRules);
  std::unique_ptr<Matcher> matcher = std::make_unique<Matcher>(loaded.rules);
  look::Counts counts{clock, loaded.rules};
  Bench() { REQUIRE_MESSAGE(loaded.rules, loaded.diagnostics.render_all()); }

  void judge(const context::Event& event) {
    counts.begin(event);
    clock.step_ns = 107;
    for (const Match& match : matcher->match(event, counts.rules())) counts.alerted(match.rule);
    clock.step_ns = 7;
    counts.end();
  }
  top::Sample sample() {
    auto sample = top::parse_sample(R"({"status":{},)" + counts.snapshot().json_members() + "}");
    REQUIRE_MESSAGE(sample, sample.error().message);
    return *sample;
  }
};

const top::SampleRow& row_of(const std::vector<top::SampleRow>& rows, const std::string& key) {
  for (const top::SampleRow& row : rows)
    if (row.key == key) return row;
  FAIL("no row " << key);
  throw std::runtime_error(key);
}

}  // namespace

TEST_CASE("counts: rules, processes, containers and event types, with alerts") {
  Bench bench;
  World host, web;
  web.process->key.pid = 301;
  web.runs("nginx\xff", {"nginx"});
  web.in_container();
  for (int n = 0; n < 3; ++n) bench.judge(*open_event(host, {.name = "/etc/shadow"}));
  bench.judge(*open_event(web, {.name = "/etc/hosts"}));
  bench.judge(*sock_event(web));
  const top::Sample sample = bench.sample();
  CHECK(sample.all.number("events") == 5);
  CHECK(sample.all.number("timed") == 5);
  CHECK(row_of(sample.rules, "Shadow").number("tried") == 3);
  CHECK(row_of(sample.rules, "Shadow").number("held") == 3);
  CHECK(row_of(sample.rules, "Shadow").number("alerts") == 3);
  CHECK(row_of(sample.rules, "Shadow").text("priority") == "Warning");
  CHECK(row_of(sample.rules, "Connects").number("alerts") == 1);
  for (const top::SampleRow& row : sample.rules) CHECK(row.key != "Bash opens");  // the first rule that matches ends it
  REQUIRE(sample.processes.size() == 2);
  const std::string bash = fmt::format("300:{}", host.process->key.start_ns);
  CHECK(row_of(sample.processes, bash).number("events") == 3);
  CHECK(row_of(sample.processes, bash).number("alerts") == 3);
  CHECK(row_of(sample.processes, bash).text("name") == "bash");
  CHECK(row_of(sample.processes, bash).text("exepath") == "/usr/bin/bash");
  CHECK(row_of(sample.processes, bash).text("container").empty());
  const top::SampleRow& nginx = row_of(sample.processes, fmt::format("301:{}", web.process->key.start_ns));
  CHECK(nginx.text("name").starts_with("nginx"));  // no UTF-8, and JSON all the same
  CHECK(nginx.text("container") == "0123456789ab");
  CHECK(row_of(sample.containers, "host").number("events") == 3);
  CHECK(row_of(sample.containers, "0123456789ab").number("events") == 2);
  CHECK(row_of(sample.containers, "0123456789ab").number("alerts") == 1);
  CHECK(row_of(sample.containers, "0123456789ab").text("name") == "web");
  CHECK(row_of(sample.containers, "0123456789ab").text("image") == "docker.io/library/nginx:1.25");
  CHECK(row_of(sample.types, "openat").number("events") == 4);
  CHECK(row_of(sample.types, "connect").number("events") == 1);
}

TEST_CASE("counts: times are what passed, without what looking at the clock takes") {
  Bench bench;
  World host;
  bench.judge(*open_event(host, {.name = "/etc/shadow"}));
  const top::Sample sample = bench.sample();
  const top::SampleRow& rule = row_of(sample.rules, "Shadow");
  CHECK(rule.number("timed") == 1);
  CHECK(rule.number("tried_ns") == 100);
  CHECK(rule.number("cost_ns") == 200);  // the try, and the alert
  CHECK(sample.all.number("finding_ns") == 100);
  CHECK(row_of(sample.types, "openat").number("cost_ns") > 300);
}

TEST_CASE("counts: timed events stand for all, at any rate") {
  Bench bench;
  World host;
  const auto event = open_event(host, {.name = "/etc/shadow"});
  for (int n = 0; n < 200'000; ++n) {
    bench.judge(*event);
    if (n % 20'000 == 19'999) bench.counts.adapt();
  }
  const top::Sample flood = bench.sample();
  CHECK(flood.all.number("events") == 200'000);
  CHECK(flood.all.number("timed_every") == 20'000 / look::Counts::kTimedPerS);
  CHECK(flood.all.number("timed") < 20'000 + 10 * 2 * look::Counts::kTimedPerS);
  // The first second was timed whole; the others by samples.
  const auto cost = static_cast<double>(row_of(flood.rules, "Shadow").number("cost_ns"));
  CHECK(cost == doctest::Approx(200'000 * 200.0).epsilon(0.02));
  // A quiet second, and every event is timed again, at once.
  bench.counts.adapt();
  bench.counts.adapt();
  for (int n = 0; n < 10; ++n) bench.judge(*event);
  CHECK(bench.sample().all.number("timed") - flood.all.number("timed") >= 9);
}

TEST_CASE("counts: another set of rules begins anew, processes go on; a program's name follows its exec") {
  Bench bench;
  World host;
  bench.judge(*open_event(host, {.name = "/etc/shadow"}));
  const Loaded other = load(rule_yaml("evt.type = openat", "out", "Other"));
  REQUIRE(other.rules);
  bench.matcher = std::make_unique<Matcher>(other.rules);
  bench.counts.restart(other.rules);
  host.runs("zsh", {"zsh"});
  std::const_pointer_cast<context::Image>(host.process->image)->exec_id = 9;
  bench.judge(*open_event(host));
  const top::Sample sample = bench.sample();
  REQUIRE(sample.rules.size() == 1);
  CHECK(sample.rules.front().key == "Other");
  CHECK(sample.rules.front().number("tried") == 1);
  CHECK(sample.all.text("rules_digest") == other.rules->digest());
  REQUIRE(sample.processes.size() == 1);
  CHECK(sample.processes.front().number("events") == 2);
  CHECK(sample.processes.front().text("name") == "zsh");
}

TEST_CASE("counts: what is looked at matches as what is not") {
  Bench bench;
  World host, web;
  web.in_container();
  Matcher alone(bench.loaded.rules);
  for (World* world : {&host, &web})
    for (const char* name : {"/etc/shadow", "/etc/hosts", "/tmp/x"}) {
      const auto event = open_event(*world, {.name = name});
      std::vector<RuleId> with, without;
      bench.counts.begin(*event);
      for (const Match& match : bench.matcher->match(*event, bench.counts.rules())) with.push_back(match.rule);
      bench.counts.end();
      for (const Match& match : alone.match(*event)) without.push_back(match.rule);
      CHECK(with == without);
    }
}
