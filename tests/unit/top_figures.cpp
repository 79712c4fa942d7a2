// Two answers of the agent become rates, shares and tables; and those plain text and JSON.
#include <doctest/doctest.h>
#include <fmt/core.h>
#include <rapidjson/document.h>

#include <string>

#include "agent/top/numbers.h"
#include "agent/top/plain.h"

using namespace tiercel::top;

namespace {

struct Answer {
  uint64_t s = 100;
  uint64_t events = 0, alerts = 0, lost = 0;
  std::string digest = "d1", rules, processes, containers, types, by_cgroup, troubles;
  uint64_t finding_ns = 0;
};

Sample sample_of(const Answer& a) {
  const std::string json = fmt::format(
      R"({{"status":{{"version":"1.2","uptime_s":93784,"events":{0},"alerts":{1},"lost":{{"total":{2},"kernel":{2},)"
      R"("malformed_records":0,"spool":0,"outputs":0,"by_cgroup":[{3}]}},"memory":{{"rss_anon_bytes":24536678,)"
      R"("ring_bytes":16777216}},"troubles":[{4}]}},"cpu_ns":{5},"decider_cpu_ns":{6},)"
      R"("realtime_ns":"1700000000000000000","rings":[{{"ring":"vital","used_bytes":10,"peak_bytes":50,)"
      R"("size_bytes":100}}],"taken_ns":{7},"since_ns":1,"events":{0},"timed":10,"timed_every":2,"evicted":0,)"
      R"("finding_ns":{8},"rules_digest":"{9}","rules":[{10}],"processes":[{11}],"containers":[{12}],"types":[{13}]}})",
      a.events, a.alerts, a.lost, a.by_cgroup, a.troubles, a.s * 10'000'000, a.s * 5'000'000, a.s * 1'000'000'000,
      a.finding_ns, a.digest, a.rules, a.processes, a.containers, a.types);
  auto sample = parse_sample(json);
  REQUIRE_MESSAGE(sample, sample.error().message);
  return *sample;
}

std::string rule(const std::string& name, int tried, int alerts, int timed, int tried_ns, int cost_ns) {
  return fmt::format(
      R"({{"rule":"{}","priority":"Notice","tried":{},"held":{},"alerts":{},"timed":{},"tried_ns":{},"cost_ns":{}}})",
      name, tried, alerts, alerts, timed, tried_ns, cost_ns);
}

std::string process(int pid, const std::string& start, int events, const std::string& name = "p") {
  return fmt::format(
      R"({{"pid":{},"start":"{}","name":"{}","exepath":"/bin/{}","container":"","events":{},"alerts":0}})", pid, start,
      name, name, events);
}

const Row& row_of(const Figures& figures, View view, const std::string& name) {
  for (const Row& row : figures.table(view))
    for (const Value& value : row.values)
      if (value.text == name) return row;
  FAIL("no row " << name);
  throw std::runtime_error(name);
}

}  // namespace

TEST_CASE("figures: rates are differences over the time between, shares are of one CPU and of all events") {
  Answer before, after;
  before.s = 100, after.s = 110;
  before.events = 1'000, after.events = 51'000;
  before.alerts = 5, after.alerts = 25;
  after.lost = 30;
  before.rules = rule("A", 100, 5, 100, 1'000, 5'000);
  after.rules = rule("A", 1'100, 25, 300, 21'000, 100'005'000) + "," + rule("B", 40, 0, 2, 600, 700);
  before.processes = process(1, "11", 900);
  after.processes = process(1, "11", 25'900) + "," + process(2, "12", 25'000, "q");
  after.types = R"({"event":"openat","events":50000,"timed":100,"timed_ns":90000,"cost_ns":200000000})";
  after.by_cgroup = R"({"event":"openat","cgroup":"1","container":"host","lost":10},
                       {"event":"openat","cgroup":"2","container":"host","lost":20})";
  after.containers = R"({"id":"host","events":30000,"alerts":0},
    {"id":"abc","name":"web","image":"nginx","type":"docker","pod":"web-1","namespace":"shop","events":20000,"alerts":3})";
  const Figures f = figures_between(sample_of(before), sample_of(after));
  CHECK(f.interval_s == 10);
  CHECK(f.events_per_s == 5'000);
  CHECK(f.alerts_per_s == 2);
  CHECK(f.lost_per_s == 3);
  CHECK(f.cpu_percent == doctest::Approx(1));
  CHECK(f.decider_percent == doctest::Approx(0.5));
  CHECK(f.judging_ns == 900);
  CHECK(f.judging_percent == doctest::Approx(2));
  REQUIRE(f.rings.size() == 1);
  CHECK(f.rings[0].percent == 10);
  CHECK(f.rings[0].peak_percent == 50);
  const Row& a = row_of(f, View::kRules, "A");
  CHECK(a.values[0].number == 2);    // alerts/s
  CHECK(a.values[2].number == 100);  // tried/s
  CHECK(a.values[3].number == 100);  // ns a try
  CHECK(a.values[4].number == doctest::Approx(1));
  CHECK(row_of(f, View::kRules, "B").values[3].number == 300);  // by its two timed tries
  CHECK(row_of(f, View::kProcesses, "/bin/p").values[0].number == 2'500);
  CHECK(row_of(f, View::kProcesses, "/bin/q").values[2].number == 50);
  CHECK(row_of(f, View::kContainers, "web").values[7].text == "shop/web-1");
  CHECK(row_of(f, View::kContainers, "web").alarm);
  const Row& open = row_of(f, View::kTypes, "openat");
  CHECK(open.values[5].number == 3);
  CHECK(open.values[6].number == 30);
  CHECK(open.alarm);
}

TEST_CASE("figures: what was counted anew is not negative, and other rules are other rows") {
  Answer before, after;
  before.s = 1, after.s = 2;
  before.events = 1'000, after.events = 1'100;
  before.processes = process(1, "11", 900);
  after.processes = process(1, "11", 40);  // it lost its row and came again
  before.rules = rule("A", 900, 0, 0, 0, 0);
  after.rules = rule("A", 950, 0, 0, 0, 0);
  after.digest = "d2";
  before.finding_ns = 900, after.finding_ns = 1'000;
  const Figures f = figures_between(sample_of(before), sample_of(after));
  CHECK(row_of(f, View::kProcesses, "/bin/p").values[0].number == 40);
  CHECK(row_of(f, View::kRules, "A").values[2].number == 950);
  CHECK(row_of(f, View::kRules, "(all: which rules are worth trying)").values[3].number == 10);
}

TEST_CASE("figures: nothing happened, and no time passed") {
  const Answer answer;
  const Figures f = figures_between(sample_of(answer), sample_of(answer));
  CHECK(f.events_per_s == 0);
  CHECK(f.judging_ns == 0);
  for (const auto& table : f.tables) CHECK(table.empty());
  CHECK(figures_text(f, {}).find("0/s, 0 in all") != std::string::npos);
}

TEST_CASE("figures: rows are sorted by numbers and texts, both ways, and equal ones keep an order") {
  Answer before, after;
  before.s = 1, after.s = 2;
  after.processes = process(3, "1", 5, "b") + "," + process(1, "1", 7, "a") + "," + process(2, "1", 5, "c");
  const Figures f = figures_between(sample_of(before), sample_of(after));
  const auto order = [&](size_t column, bool reversed) {
    std::vector<Row> rows = f.table(View::kProcesses);
    sort_rows(rows, View::kProcesses, column, reversed);
    std::string out;
    for (const Row& row : rows) out += row.values[6].text;
    return out;
  };
  CHECK(order(0, false) == "abc");
  CHECK(order(0, true) == "bca");
  CHECK(order(4, false) == "bca");  // pid
  CHECK(order(6, false) == "abc");
  CHECK(order(6, true) == "cba");
}

TEST_CASE("figures: JSON and plain text say the same, and nothing that moves a terminal's cursor") {
  Answer before, after;
  before.s = 1, after.s = 2;
  after.events = 10;
  after.processes = process(1, "1", 10, R"(\u001b[2Jevil)");
  after.troubles = R"("it \u001b[31m burns")";
  const Figures f = figures_between(sample_of(before), sample_of(after));
  const std::string text = figures_text(f, {});
  CHECK(text.find('\033') == std::string::npos);
  CHECK(text.find("?[2Jevil") != std::string::npos);
  CHECK(text.find("TROUBLE it ?[31m burns") != std::string::npos);
  const std::string alone = figures_text(f, {.view = View::kContainers, .rows = 10});
  CHECK(alone.find("Containers (0 of 0") != std::string::npos);
  CHECK(alone.find("Processes") == std::string::npos);
  rapidjson::Document json;
  json.Parse(figures_json(f).c_str());
  REQUIRE(json.IsObject());
  CHECK(figures_json(f).find('\n') == std::string::npos);
  CHECK(json["events"]["per_s"].GetDouble() == 10);
  REQUIRE(json["processes"].Size() == 1);
  CHECK(json["processes"][0]["pid"].GetInt() == 1);
  CHECK(json["processes"][0]["events_per_s"].GetDouble() == 10);
  for (const Shape& shape : shapes()) CHECK(json.HasMember(shape.name));
}

TEST_CASE("figures: an answer that is none is refused") {
  for (const char* json : {"", "{}", "[]", R"({"taken_ns":1})", R"({"taken_ns":1,"status":3})"})
    CHECK(!parse_sample(json));
}

TEST_CASE("numbers: short enough for their columns") {
  CHECK(short_number(0) == "0");
  CHECK(short_number(0.01) == "<0.1");
  CHECK(short_number(0.44) == "0.4");
  CHECK(short_number(9.96) == "10");
  CHECK(short_number(5012) == "5,012");
  CHECK(short_number(999'999) == "999,999");
  CHECK(short_number(1'234'567) == "1.23M");
  CHECK(short_number(45'600'000) == "45.6M");
  CHECK(short_number(999'999'900) == "1.00G");
  CHECK(short_number(12e12) == "12.0T");
  for (double value = 0.001; value < 1e15; value *= 1.7) {
    CHECK(short_number(value).size() <= 7);
    CHECK(percent(value / 1e13).size() <= 5);
    CHECK(short_time_ns(value / 1e3).size() <= 7);
  }
  CHECK(short_time_ns(0) == "-");
  CHECK(short_time_ns(85.4) == "85ns");
  CHECK(short_time_ns(1'340) == "1.3us");
  CHECK(short_time_ns(12'000'000) == "12ms");
  CHECK(percent(0.001) == "<0.01");
  CHECK(percent(0.044) == "0.04");
  CHECK(percent(3.14) == "3.1");
  CHECK(percent(100) == "100");
  CHECK(grouped(1'234'567) == "1,234,567");
  CHECK(duration(93'784) == "26 h 3 min");
  CHECK(duration(300'000) == "3 d 11 h");
  CHECK(bytes(24'536'678) == "23.4 MiB");
}
