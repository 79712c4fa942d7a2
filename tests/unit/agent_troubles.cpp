// What is wrong with an agent, and how `tiercel status` tells it.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "agent/cli/status.h"
#include "agent/troubles.h"

using namespace tiercel;

namespace {

constexpr uint64_t kS = 1'000'000'000;

Status everything_wrong() {
  Status s;
  s.version = "0.1.0";
  s.uptime_s = 93'784;
  s.events = 123'456'789;
  s.kernel_lost = 12'345;
  s.spool_lost = 7;
  s.lost_recently = 99;
  s.self_test = "failed";
  s.manager_configured = true;
  s.manager_address = "manager.example.org:1514";
  s.rules.rules = {3, 4, "0123456789abcdef"};
  s.rules.refused = 1;
  s.rules.refused_ns = kS;
  s.rules.refusal = "/etc/tiercel/rules.d/site.yaml:12:3: error: no such field: proc.nmae; did you mean proc.name?";
  s.rules.refusal_stands = true;
  s.rules.needs_restart = {"outputs", "sensor.ring_bulk_bytes"};
  s.containers.containers = 3;
  s.containers.readers_stuck = 2;
  OutputRow slack;
  slack.name = "slack";
  slack.open = true;
  slack.waiting = 12;
  slack.last_answer = "403\033[2J no_service";
  s.outputs = {slack};
  return s;
}

}  // namespace

TEST_CASE("troubles: none, and each of them") {
  Status well;
  well.manager_configured = well.manager_connected = true;
  well.kernel_lost = 5;  // long ago
  CHECK(troubles_of(well).empty());
  CHECK(troubles_of(everything_wrong()).size() == 6);
  const std::string json = everything_wrong().json();
  CHECK(cli::status_says_trouble(json));
  CHECK_FALSE(cli::status_says_trouble(well.json()));
  CHECK_FALSE(cli::status_says_trouble("nonsense"));
}

TEST_CASE("troubles: status tells them last, fits a narrow terminal, and moves no cursor") {
  for (const size_t width : {size_t{80}, size_t{200}}) {
    const std::string text = cli::status_text(everything_wrong().json(), false, width);
    CHECK(text.starts_with("tiercel 0.1.0, up 26 h 3 min: 6 things are wrong, see below\n"));
    CHECK(text.find("123,456,789") != std::string::npos);
    CHECK(text.find("12,352 since the start, 99 of them in the last 5 min") != std::string::npos);
    CHECK(text.find("needed for changed keys: outputs, sensor.ring_bulk_bytes") != std::string::npos);
    CHECK(text.find('\033') == std::string::npos);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= width, line);
  }
  const std::string one_line = cli::status_text(everything_wrong().json(), false, 0);
  CHECK(std::count(one_line.begin(), one_line.end(), '\n') == 19);
  Status well;
  CHECK(cli::status_text(well.json(), false, 80).find("all is well") != std::string::npos);
  CHECK(cli::status_text(well.json(), true, 80).find("\033[32mall is well") != std::string::npos);
}

TEST_CASE("troubles: losses are recent for five minutes") {
  Metrics metrics;
  RecentLosses losses;
  Counter& spool = metrics.counter("tiercel_spool_lost_total", "h");
  losses.note(metrics, 0, 1 * kS);
  CHECK(losses.count() == 0);
  spool.add(3);
  losses.note(metrics, 4, 2 * kS);
  CHECK(losses.count() == 7);
  for (uint64_t s = 3; s < 290; ++s) losses.note(metrics, 4, s * kS);
  CHECK(losses.count() == 7);
  losses.note(metrics, 9, 290 * kS);
  CHECK(losses.count() == 12);
  for (uint64_t s = 291; s < 330; ++s) losses.note(metrics, 9, s * kS);
  CHECK(losses.count() == 5);
  for (uint64_t s = 330; s < 640; ++s) losses.note(metrics, 9, s * kS);
  CHECK(losses.count() == 0);
}

TEST_CASE("troubles: what was lost before the first look is recent, too") {
  Metrics metrics;
  RecentLosses losses;
  losses.note(metrics, 11, 1 * kS);
  CHECK(losses.count() == 11);
}
