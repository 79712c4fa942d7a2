// What /metrics and /healthz say: the text's form, losses first, and when the agent is not well.
#include <doctest/doctest.h>

#include <string>

#include "agent/health/exposition.h"
#include "agent/health/health.h"
#include "agent/rule_counts.h"

using namespace tiercel;
using namespace tiercel::health;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

Signs well() {
  Signs s;
  s.uptime_s = 100;
  s.watching = true;
  s.self_test = "passed";
  s.spool_on_disk = true;
  s.rules_active = 5;
  return s;
}

struct Expected {
  bool live, ready;
  const char* status;
};

void check(const Signs& signs, const Expected& expected) {
  const Verdict verdict = judge(signs);
  CHECK(verdict.live() == expected.live);
  CHECK(verdict.ready() == expected.ready);
  const std::string json = verdict.json();
  CAPTURE(json);
  CHECK(json.starts_with("{\"status\":\"" + std::string(expected.status) + "\""));
}

}  // namespace

TEST_CASE("metrics: names and labels tell counters apart, and labels are bounded") {
  Metrics metrics;
  metrics.counter("a_total", "help", {{"x", "1"}}).add(2);
  metrics.counter("a_total", "help", {{"x", "2"}}).add(3);
  metrics.counter("a_total", "other help").add(4);
  CHECK(&metrics.counter("a_total", "", {{"x", "1"}}) == &metrics.counter("a_total", "", {{"x", "1"}}));
  CHECK(metrics.sum("a_total") == 9);
  CHECK(metrics.sum("b_total") == 0);
  Counter& named = metrics.counter("o_total", "", "stdout");
  CHECK(&named == &metrics.counter("o_total", "", {{"output", "stdout"}}));
  for (size_t i = 0; i < Metrics::kLabelSetsMax + 500; ++i)
    metrics.counter("r_total", "", {{"rule_name", "rule " + std::to_string(i)}, {"priority", "4"}}).add();
  size_t rows = 0;
  uint64_t other = 0;
  metrics.each([&](const std::string& name, const std::string&, const Labels& labels, uint64_t value) {
    rows += name == "r_total" ? 1 : 0;
    if (labels.value("rule_name") == "other") other = value;
  });
  CHECK(rows == Metrics::kLabelSetsMax + 1);
  CHECK(other == 500);
  CHECK(metrics.sum("r_total") == Metrics::kLabelSetsMax + 500);
}

TEST_CASE("exposition: help, type, labels and their escapes") {
  const std::vector<Family> families{
      {"x_total", "one\nline \\ \"quoted\"", true, {{.labels = {{"a", "b\"c\\d\ne"}, {"f", ""}}, .count = UINT64_MAX}}},
      {"y", "a gauge", false, {{.value = 0.25, .whole = false}}},
      {"empty", "nothing", false, {}},
      {"x_total", "again", true, {{.count = 1}}},
  };
  CHECK(write_exposition(families) ==
        "# HELP x_total one\\nline \\\\ \"quoted\"\n"
        "# TYPE x_total counter\n"
        "x_total{a=\"b\\\"c\\\\d\\ne\",f=\"\"} 18446744073709551615\n"
        "x_total 1\n"
        "# HELP y a gauge\n"
        "# TYPE y gauge\n"
        "y 0.25\n");
}

TEST_CASE("exposition: bytes that are no UTF-8 do not cost the page") {
  const auto written = [](const std::string& value) {
    const std::string page = write_exposition({{"x", "h", false, {{.labels = {{"a", value}}, .count = 1}}}});
    const size_t from = page.find("a=\"") + 3;
    return page.substr(from, page.rfind('"') - from);
  };
  const std::string bad = "\xef\xbf\xbd";
  CHECK(written("sch\xc3\xb6n \xe2\x82\xac \xf0\x9f\x90\xa6") == "sch\xc3\xb6n \xe2\x82\xac \xf0\x9f\x90\xa6");
  CHECK(written("a\xff"
                "b") == "a" + bad + "b");
  CHECK(written("\xc3") == bad);
  CHECK(written("\xc0\x80") == bad + bad);            // overlong
  CHECK(written("\xed\xa0\x80") == bad + bad + bad);  // a surrogate
  CHECK(written("\xf4\x90\x80\x80") == bad + bad + bad + bad);
}

TEST_CASE("exposition: losses come first, whatever they are called") {
  Metrics metrics;
  metrics.counter("tiercel_alerts_total", "Alerts made").add(7);
  metrics.counter("tiercel_spool_lost_total", "Lost", {{"rule_name", "R"}}).add(1);
  metrics.counter("falcosecurity_scap_n_drops_total", "Lost").add(2);
  metrics.counter("tiercel_wazuh_unconfirmed", "Now").set(3);
  const std::vector<Family> families = families_of(metrics);
  REQUIRE(families.size() == 4);
  CHECK(families[0].name == "falcosecurity_scap_n_drops_total");
  CHECK(families[1].name == "tiercel_spool_lost_total");
  CHECK(families[2].name == "tiercel_alerts_total");
  CHECK(families[2].counter);
  CHECK_FALSE(families[3].counter);
}

TEST_CASE("health: well, and what makes it degraded, not ready or dead") {
  check(well(), {true, true, "ok"});
  Signs s = well();
  s.self_test = "failed";
  check(s, {false, false, "dead"});
  s = well();
  s.since_tick_s = kTickPatienceS + 1;
  check(s, {false, false, "dead"});
  s = well();
  s.watching = false;
  check(s, {true, false, "not ready"});
  s.uptime_s = kStartPatienceS + 1;
  check(s, {false, false, "dead"});
  s = well();
  s.lost_in_kernel = 1;
  check(s, {true, false, "not ready"});
  s = well();
  s.lost_behind = 1;
  check(s, {true, false, "not ready"});
  s = well();
  s.spool_on_disk = false;
  check(s, {true, false, "not ready"});
  s = well();
  s.rules_active = 0;
  check(s, {true, false, "not ready"});
  s = well();
  s.rules_refused = "rules.yaml:3:1: \"what\"";
  check(s, {true, true, "degraded"});
}

TEST_CASE("health: a manager that never answered is not ready, one that is away is degraded") {
  Signs s = well();
  s.manager_configured = true;
  check(s, {true, false, "not ready"});
  s.manager_answered = s.manager_connected = true;
  check(s, {true, true, "ok"});
  s.manager_connected = false;
  s.manager_silent_s = kManagerPatienceS;
  check(s, {true, true, "ok"});
  s.manager_silent_s = kManagerPatienceS + 1;
  check(s, {true, true, "degraded"});
}

TEST_CASE("health: losses count for a minute") {
  RecentLosses losses;
  CHECK(losses.within(1 * kSecond) == 0);
  losses.note(1 * kSecond, 0);
  losses.note(2 * kSecond, 5);
  losses.note(3 * kSecond, 5);
  losses.note(30 * kSecond, 7);
  CHECK(losses.within(30 * kSecond) == 7);
  CHECK(losses.within(61 * kSecond) == 7);
  CHECK(losses.within(62 * kSecond) == 2);
  CHECK(losses.within(90 * kSecond) == 0);
  losses.note(100 * kSecond, 8);
  CHECK(losses.within(100 * kSecond) == 1);
}

TEST_CASE("metrics: a rule's labels are Falco's, its tags in Prometheus' alphabet and each once") {
  rule::Rule rule;
  rule.name = "Reverse \"Shell\"";
  rule.priority = Priority::kCritical;
  rule.tags = {"T1059.004", "container", "mitre-x", "mitre_x"};
  const Labels labels = labels_of_rule(rule);
  CHECK(labels.value("rule_name") == "Reverse \"Shell\"");
  CHECK(labels.value("priority") == "2");
  CHECK(labels.value("source") == "syscall");
  CHECK(labels.value("tag_T1059_004") == "true");
  CHECK(labels.value("tag_container") == "true");
  CHECK(labels.value("tag_mitre_x") == "true");
  CHECK(labels.all().size() == 6);
}
