// `tiercel alerts`: points in time as people write them, and how an alert looks.
#include "agent/cli/alerts.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <time.h>

#include "agent/base/time_text.h"
#include "agent/cli/text.h"
#include "agent/cli/when.h"

using namespace tiercel;
using namespace tiercel::cli;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

struct Zone {
  explicit Zone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~Zone() {
    ::unsetenv("TZ");
    ::tzset();
  }
};

// 2026-11-28 11:30:00 UTC
constexpr uint64_t kNowNs = 1'795'865'400 * kSecondNs;

std::string at(const std::string& text) {
  const auto when = parse_when(text, kNowNs);
  return when ? iso8601_z(*when).substr(0, 19) : "";
}

history::HistoryRow row(const std::string& text, const std::string& container = "") {
  history::HistoryRow made;
  made.time_ns = kNowNs - 60 * kSecondNs;
  made.id = "0123-4";
  made.rule = "A rule with quite a long name that says what happened";
  made.priority = Priority::kCritical;
  made.text = text;
  made.event_json = R"({"tiercel":{"container":{"name":")" + container + R"("}}})";
  return made;
}

}  // namespace

TEST_CASE("cli alerts: points in time") {
  const Zone zone("XYZ-2");  // two hours ahead of UTC: it is 13:30
  CHECK(at("90s") == "2026-11-28T11:28:30");
  CHECK(at("30m") == "2026-11-28T11:00:00");
  CHECK(at("24h") == "2026-11-27T11:30:00");
  CHECK(at("7d") == "2026-11-21T11:30:00");
  CHECK(at("2w") == "2026-11-14T11:30:00");
  CHECK(at("999999999w") == "1970-01-01T00:00:00");
  CHECK(at("now") == "2026-11-28T11:30:00");
  CHECK(at("today") == "2026-11-27T22:00:00");
  CHECK(at("yesterday") == "2026-11-26T22:00:00");
  CHECK(at("10:00") == "2026-11-28T08:00:00");
  CHECK(at("13:30:00") == "2026-11-28T11:30:00");
  CHECK(at("13:31") == "2026-11-27T11:31:00");  // yesterday's
  CHECK(at("2026-11-28") == "2026-11-27T22:00:00");
  CHECK(at("2026-11-28T10:00") == "2026-11-28T08:00:00");
  CHECK(at("2026-11-28T10:00Z") == "2026-11-28T10:00:00");
  CHECK(at("2026-11-28 10:00:30") == "2026-11-28T08:00:30");
  for (const char* wrong : {"", "1", "h", "1x", "-1h", "1h ago", "25:00", "10:00x", "2026-13-01", "2026-11-28T", "Z"}) {
    CAPTURE(wrong);
    CHECK(at(wrong).empty());
  }
  CHECK(parse_when("soon", kNowNs).error().message.find("24h") != std::string::npos);
  CHECK(ago(kNowNs - 90 * kSecondNs, kNowNs) == "90 s ago");
  CHECK(ago(kNowNs - 7'199 * kSecondNs, kNowNs) == "119 min ago");
  CHECK(ago(kNowNs - 200'000 * kSecondNs, kNowNs) == "2 days ago");
}

TEST_CASE("cli alerts: a line fits the terminal, and is whole in a pipe") {
  const Zone zone("UTC");
  const std::string text = "it happened (command=" + std::string(300, 'c') + ")";
  for (const size_t width : {40u, 80u, 200u})
    for (const char* container : {"", "web", "a-container-with-a-name-that-takes-half-of-the-screen"}) {
      const std::string line = alert_text(row(text, container), {.width = width, .now_ns = kNowNs});
      CAPTURE(line);
      CHECK(columns_of(line) <= width);
      CHECK(line.find('\n') == std::string::npos);
      CHECK(line.starts_with("11:29:00 Critical  A rul"));
    }
  CHECK(alert_text(row("short", "web"), {.width = 200, .now_ns = kNowNs}) ==
        "11:29:00 Critical  A rule with quite a long name that says what happened [web]: short");
  CHECK(alert_text(row(text, "web"), {.now_ns = kNowNs}) ==
        "2026-11-28 11:29:00.000 Critical  A rule with quite a long name that says what happened [web]: " + text);
  CHECK(
      alert_text(row("short", "web"), {.width = 200, .now_ns = kNowNs}, 482).ends_with(" happened x482 [web]: short"));
  // Of another day, with its date.
  CHECK(alert_text(row("x"), {.width = 80, .now_ns = kNowNs + 86'400 * kSecondNs}).starts_with("2026-11-28 11:29:00 "));
}

TEST_CASE("cli alerts: all of it, in colour, and nothing that a terminal would obey") {
  const Zone zone("UTC");
  const std::string full = alert_text(row("one two three four five six seven eight nine ten"),
                                      {.width = 40, .full = true, .now_ns = kNowNs});
  CHECK(full.find("\n                   one two three four\n                   five six seven") != std::string::npos);
  CHECK(full.ends_with("\n                   0123-4"));
  const std::string line = alert_text(row("evil \033[2J\x07 text"), {.width = 200, .now_ns = kNowNs});
  CHECK(line.find('\033') == std::string::npos);
  CHECK(line.find('\x07') == std::string::npos);
  CHECK(line.find("evil \\u001b[2J") != std::string::npos);
  const std::string coloured = alert_text(row("x"), {.width = 200, .colour = true, .now_ns = kNowNs});
  CHECK(coloured.find("\033[1;31mCritical") != std::string::npos);
  CHECK(coloured.find("\033[1mA rule") != std::string::npos);
}
