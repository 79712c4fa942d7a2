#include <doctest/doctest.h>

#include <algorithm>

#include "agent/flood_watch.h"
#include "agent/sensor/budget.h"

using namespace tiercel;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

struct Host {
  FloodWatch watch;
  std::vector<CgroupLossRow> rows;
  uint64_t now_ns = 100 * kSecond;
  std::vector<alert::Report> reports;

  void hold(uint64_t cgroup, uint64_t more, const std::string& event = "openat") {
    for (CgroupLossRow& row : rows) {
      if (row.cgroup_id != cgroup || row.event != event) continue;
      row.held_back += more;
      row.lost += more;
      return;
    }
    rows.push_back({event, cgroup, cgroup == 7 ? "0af5b1c2d3e4" : "host", more, more});
  }
  void run(unsigned seconds) {
    for (unsigned i = 0; i < seconds; ++i, now_ns += kSecond)
      for (alert::Report& report : watch.update(rows, now_ns)) reports.push_back(std::move(report));
  }
  [[nodiscard]] std::string field(size_t at, std::string_view name) const {
    for (const auto& [key, value] : reports.at(at).fields)
      if (key == name) {
        const auto* text = std::get_if<std::string>(&value.value);
        return text != nullptr ? *text : std::to_string(std::get<uint64_t>(value.value));
      }
    return "no such field";
  }
};

}  // namespace

TEST_CASE("flood: told when it begins and, with its sum, when it is over") {
  Host host;
  host.run(2);
  CHECK(host.reports.empty());
  for (int i = 0; i < 5; ++i) {
    host.hold(7, 100 + i);
    host.run(1);
  }
  REQUIRE(host.reports.size() == 1);
  CHECK(host.reports[0].rule == kFloodRule);
  CHECK(host.field(0, "state") == "begins");
  CHECK(host.field(0, "container") == "0af5b1c2d3e4");
  CHECK(host.field(0, "held_back_per_s") == "100");
  CHECK(host.field(0, "by_type") == "openat=100");
  CHECK(host.watch.active() == 1);
  host.run(10);
  REQUIRE(host.reports.size() == 2);
  CHECK(host.field(1, "state") == "ends");
  CHECK(host.field(1, "held_back") == "510");
  CHECK(host.field(1, "lasted_s") == "5");
  CHECK(host.field(1, "held_back_per_s") == "104");
  CHECK(host.watch.active() == 0);
  host.run(60);
  CHECK(host.reports.size() == 2);
  host.hold(7, 1);
  host.run(1);
  REQUIRE(host.reports.size() == 3);
  CHECK(host.field(2, "by_type") == "openat=1");
}

TEST_CASE("flood: what was lost without being held back is none") {
  Host host;
  host.rows.push_back({"openat", 7, "0af5b1c2d3e4", 1'000, 0});
  host.run(20);
  CHECK(host.reports.empty());
}

TEST_CASE("flood: cgroups by the thousand share one report, and make room for later ones when they are quiet") {
  Host host;
  for (uint64_t cgroup = 1'000; cgroup < 3'000; ++cgroup) host.hold(cgroup, 10);
  host.run(1);
  CHECK(host.reports.size() == FloodWatch::kNamedMax + 1);
  size_t longest = 0;
  for (size_t i = 0; i < host.reports.size(); ++i) longest = std::max(longest, host.field(i, "by_type").size());
  CHECK(longest < 40);  // one word for each type of event, however many cgroups share the report
  CHECK(host.watch.active() == FloodWatch::kNamedMax + 1);
  host.run(15);
  CHECK(host.reports.size() == 2 * (FloodWatch::kNamedMax + 1));
  host.hold(7, 10);
  host.run(1);
  CHECK(host.field(host.reports.size() - 1, "container") == "0af5b1c2d3e4");
}

TEST_CASE("flood: what one budget holds never fills what is kept above the mark") {
  for (const size_t ring : {size_t{64} << 10, size_t{8} << 20, size_t{256} << 20}) {
    const auto limits = sensor::budget_limits(ring, {.rate_kb = 128, .mark_percent = 75});
    CAPTURE(ring);
    CHECK(limits[BUDGET_MARK] == ring / 4 * 3);
    CHECK(limits[BUDGET_LOW] < limits[BUDGET_MARK]);
    CHECK(limits[BUDGET_LAST] > limits[BUDGET_MARK]);
    CHECK(limits[BUDGET_LAST] < ring);
    CHECK(limits[BUDGET_BURST] <= (ring - limits[BUDGET_MARK]) / 8);
    CHECK(limits[BUDGET_RATE] == 128 << 10);
  }
  CHECK(sensor::budget_limits(8 << 20, {.rate_kb = 0}) == sensor::BudgetLimits{});
}

TEST_CASE("flood: events of processes, users and tampering have no budget") {
  const auto of = [](uint16_t type) {
    static constexpr uint8_t kClasses[EVT_COUNT] = {
        BUDGET_NONE,
#define EVENT(name, record, ring, category, flags, hook, params) BUDGET_OF(record, ring, category),
#include "bpf/schema/events.def"
    };
    return kClasses[type];
  };
  for (const uint16_t type :
       {EVT_execve, EVT_clone, EVT_procexit, EVT_setuid, EVT_capset, EVT_ptrace, EVT_init_module, EVT_bpf, EVT_mount,
        EVT_setns, EVT_chdir, EVT_prctl, EVT_tgkill, EVT_pidfd_open, EVT_memfd_create})
    CHECK(of(type) == BUDGET_NONE);
  CHECK(of(EVT_openat) == BUDGET_OPEN);
  CHECK(of(EVT_unlinkat) == BUDGET_PATH);
  CHECK(of(EVT_connect) == BUDGET_SOCK);
  CHECK(of(EVT_write) == BUDGET_IO);
  CHECK(of(EVT_socket) == BUDGET_OTHER);
}
