#include <doctest/doctest.h>
#include <fmt/core.h>

#include <numeric>
#include <string>

#include "agent/report/facts.h"
#include "agent/report/gather.h"
#include "agent/report/kept.h"
#include "agent/report/page.h"

using namespace tiercel;
using namespace tiercel::report;

namespace {

constexpr uint64_t kSecond = 1'000'000'000, kSince = 1'795'780'800 * kSecond;
constexpr Period kDay{kSince, kSince + 86'400 * kSecond};

std::string event(const std::string& rule, const std::string& more = "", const std::string& priority = "Warning") {
  return fmt::format(R"({{"tiercel":{{"rule":"{}","priority":"{}","source":"syscall"{}}}}})", rule, priority, more);
}
std::string own(const std::string& what, const std::string& fields, const std::string& priority = "Warning") {
  return fmt::format(
      R"({{"tiercel":{{"rule":"Tiercel internal: {}","priority":"{}","source":"internal","field":{{{}}}}}}})", what,
      priority, fields);
}
uint64_t counted(const Found& found) {
  uint64_t sum = 0;
  for (const auto& [series, steps] : found.timeline)
    for (const auto& [step, alerts] : steps) sum += alerts;
  return sum;
}

}  // namespace

TEST_SUITE("report: gather") {
  TEST_CASE("an event's facts are taken from numbers and from texts, and nothing from what is no event") {
    const auto lost = facts_of(own("events lost", R"("lost":"4294967296","from":"a","to":"b")", "Critical"));
    REQUIRE(lost);
    CHECK(lost->kind == Kind::kNotice);
    CHECK(lost->lost == 4'294'967'296);
    CHECK(lost->from == "a");
    CHECK(facts_of(own("gap", R"("gap_ms":12)"))->gap_ms == 12);
    CHECK(facts_of(own("response", ""))->kind == Kind::kReceipt);
    CHECK(facts_of(own("heartbeat", ""))->kind == Kind::kHeartbeat);
    // A rule of somebody's that calls itself so is an alert: the source is what counts.
    CHECK(facts_of(event("Tiercel internal: gap"))->kind == Kind::kAlert);
    CHECK(facts_of(event("R"))->container == "host");
    CHECK(facts_of(event("R", R"(,"container":{"id":"abc"})"))->container == "abc");
    CHECK(facts_of(event("R", R"(,"container":{"id":"abc","name":"web"})"))->container == "web");
    CHECK(facts_of(event("R", R"(,"field":{"lost":"-1"})"))->lost == 0);
    CHECK(facts_of(event("R", R"(,"field":7,"container":[],"mitre":{"technique":"T1611"},"host":"h")")));
    for (const char* none : {"", "{", "[]", "7", R"({"tiercel":7})", R"({"tiercel":{}})", R"({"tiercel":{"rule":7}})",
                             "{\"tiercel\":{\"rule\":\"\xff\"}}"})
      CHECK_MESSAGE(!facts_of(none), none);
    CHECK_FALSE(facts_of(std::string(100'000, '[')));
  }

  TEST_CASE("a rule that fires often gives up its own alerts, but for its first and its latest") {
    KeptRows kept(10, 1 << 20);
    for (uint64_t i = 0; i < 100; ++i) kept.add({i, i, 0, 0, 4, "noisy"});
    for (uint64_t i = 100; i < 103; ++i) kept.add({i, i, 1, 0, 2, "rare"});
    for (uint64_t i = 103; i < 200; ++i) kept.add({i, i, 0, 0, 4, "noisy"});
    const auto rows = kept.take();
    REQUIRE(rows.size() == 10);
    CHECK(rows.front().seq == 0);
    CHECK(rows.back().seq == 199);
    size_t rare = 0;
    for (const KeptRow& row : rows) rare += row.rule == 1 ? 1 : 0;
    CHECK(rare == 3);
  }

  TEST_CASE("large events are kept up to a size, and there too the rule that takes most gives") {
    KeptRows kept(100, 1'000);
    kept.add({1, 1, 0, 0, 2, std::string(200, 'a')});
    for (uint64_t i = 2; i < 20; ++i) kept.add({i, i, 1, 0, 4, std::string(300, 'b')});
    const auto rows = kept.take();
    CHECK(rows.front().seq == 1);
    CHECK(rows.size() == 3);
    CHECK(rows.back().seq == 19);
    KeptRows none(0, 1'000);
    none.add({1, 1, 0, 0, 2, "x"});
    CHECK(none.take().empty());
  }

  TEST_CASE("every alert is counted, whatever its time, and what cannot be read as well") {
    Gatherer gatherer(kDay, 5);
    for (const uint64_t at : {uint64_t{0}, kSince, kSince + 43'200 * kSecond, kDay.until_ns - 1, kDay.until_ns,
                              kDay.until_ns + 86'400 * kSecond})
      gatherer.add(1, at, event("R"));
    gatherer.add(7, kSince, "no event");
    const Found found = gatherer.finish();
    CHECK(found.alerts == 6);
    CHECK(found.unreadable == 1);
    CHECK(counted(found) == 6);
    CHECK(found.rows.size() == 5);
    REQUIRE(found.rules.size() == 1);
    CHECK(found.rules[0].alerts == 6);
    CHECK(found.rules[0].kept == 5);
  }

  TEST_CASE("an empty period and one of years have a timeline") {
    CHECK(Gatherer({5, 5}, 1).finish().step_ns > 0);
    Gatherer years({0, kDay.until_ns}, 1);
    years.add(1, kSince, event("R"));
    const Found found = years.finish();
    CHECK(counted(found) == 1);
    CHECK(found.timeline.begin()->second.begin()->first < 3'000);
  }

  TEST_CASE("many containers over many steps: counts are put together, none is lost") {
    Gatherer gatherer(kDay, 0);
    uint64_t seq = 0;
    for (uint64_t container = 0; container < 600; ++container)
      for (uint64_t hour = 0; hour < 100; ++hour)
        gatherer.add(++seq, kSince + hour * 860 * kSecond + container * kSecond,
                     event("R", fmt::format(R"(,"container":{{"name":"c{}"}})", container)));
    const Found found = gatherer.finish();
    CHECK(found.containers.size() == 501);
    CHECK(found.containers.back() == "other containers");
    CHECK(counted(found) == 60'000);
    size_t counts = 0;
    for (const auto& [series, steps] : found.timeline) counts += steps.size();
    CHECK(counts <= 40'000);
  }

  TEST_CASE("losses and gaps are added up, and beyond the room the severe ones are told one by one") {
    Gatherer gatherer(kDay, 10);
    for (int i = 0; i < 400; ++i) gatherer.add(1, kSince, own("spool", ""));
    gatherer.add(2, kSince, own("events lost", R"("lost":3)", "Critical"));
    gatherer.add(3, kSince, own("events lost", R"("lost":"4")", "Critical"));
    gatherer.add(4, kSince, own("alerts lost", R"("lost":5)", "Critical"));
    gatherer.add(5, kSince, own("gap", R"("gap_ms":60)"));
    const Found found = gatherer.finish();
    CHECK(found.notices_told == 404);
    CHECK(found.notices.size() == 300);
    CHECK(found.events_lost == 7);
    CHECK(found.alerts_lost == 5);
    CHECK(found.gaps == 1);
    CHECK(found.gaps_ms == 60);
    size_t severe = 0;
    for (const Notice& one : found.notices) severe += one.facts.priority == Priority::kCritical ? 1 : 0;
    CHECK(severe == 3);
    CHECK(found.alerts == 0);
  }

  TEST_CASE("what alerts say is no part of the page's frame") {
    Gatherer gatherer(kDay, 10);
    gatherer.add(1, kSince, event("@NONCE@ @REPORT@ </script> & <!--", R"(,"mitre":{"technique":["T1611","T9999"]})"));
    About about;
    about.host = "h";
    about.status_json = "{broken";
    about.status_missing = "why";
    const std::string json = to_json(gatherer.finish(), about);
    CHECK(json.find(R"("status":null,"status_missing":"why")") != std::string::npos);
    const std::string page = to_page(json, "<b>\"T\"&\x01", "n0nce");
    CHECK(page.find("<title>&lt;b&gt;&quot;T&quot;&amp;</title>") != std::string::npos);
    CHECK(page.find(R"(@NONCE@ @REPORT@ \u003c/script\u003e \u0026 \u003c!--)") != std::string::npos);
    const size_t data = page.find("id=\"data\">") + 10;
    CHECK(page.find('<', data) == page.find("</script>", data));
    size_t nonces = 0;
    for (size_t at = page.find("n0nce"); at != std::string::npos; at = page.find("n0nce", at + 1)) ++nonces;
    CHECK(nonces == 4);
  }
}
