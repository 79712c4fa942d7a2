// `tiercel alerts`: points in time as people write them, and how an alert looks.
#include "agent/cli/alerts.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <time.h>

#include <clocale>

#include "agent/base/time_text.h"
#include "agent/cli/alert_line.h"
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

TEST_CASE("cli alerts: a text of key=value that does not fit gives way to what happened, and only there") {
  const Zone zone("UTC");
  history::HistoryRow made =
      row("Setuid bit set on a file (user=root loginuid=0 command=chmod u+s /root/a exe=/usr/bin/chmod parent=bash)");
  made.rule = "Setuid Bit Set on a File";
  const auto event = [&](const std::string& rest) {
    made.event_json =
        R"({"tiercel":{"proc":{"cmdline":"chmod u+s /root/a","pname":"bash"},"user":{"name":"root"})" + rest + "}}";
    return alert_text(made, {.width = 80, .now_ns = kNowNs});
  };
  CHECK(event("") == "11:29:00 Critical  Setuid Bit Set on a File: chmod u+s /root/a, user root, pa...");
  CHECK(event(R"(,"fd":{"name":"/root/a"})").find(": chmod u+s /root/a, user") != std::string::npos);
  CHECK(event(R"(,"fd":{"name":"/b"})").ends_with(": /b by chmod u+s /root/a, user ro..."));
  CHECK(alert_text(made, {.width = 200, .now_ns = kNowNs}).ends_with(": " + made.text));
  CHECK(alert_text(made, {.now_ns = kNowNs}).ends_with(": " + made.text));
  made.text = "a sentence without any such list (or nearly none), which is as long as one of those with a list";
  CHECK(event("").find(": a sentence without") != std::string::npos);
  made.text = "a list without a command (lost=1 by_type=openat=1 and so on and so on and so on and so on)";
  made.event_json = R"({"tiercel":{"field":{"lost":"1"}}})";
  CHECK(alert_text(made, {.width = 80, .now_ns = kNowNs}).find(": a list without") != std::string::npos);
}

TEST_CASE("cli alerts: as the manager decoded it, in local time and in lines of the terminal") {
  const Zone zone("XYZ-2");  // two hours ahead of UTC
  wazuh::DevEvent event;
  event.received_ns = kNowNs;
  event.text = R"(tiercel: {"tiercel":{"time":"2026-11-28T11:29:59.123456789Z","priority":"Critical","rule":"A rule",)"
               R"("proc":{"name":"chmod","pid":7,"pname":"bash"},"output":"one two three four five six seven"}})";
  CHECK(alert_line(event, false, 0) ==
        "13:29:59.123 Critical      A rule\n             process chmod(7) < bash, on the host\n"
        "             one two three four five six seven");
  CHECK(alert_line(event, false, 40).ends_with("\n             one two three four five six\n             seven"));
  event.text = R"(tiercel: {"tiercel":{"time":"2026-11-28T11:29:59.123456789Z","priority":"Error","rule":"A rule",)"
               R"("mitre":{"technique":["T1014","T1547.006"]},"output":"one"}})";
  CHECK(alert_line(event, false, 80) == "13:29:59.123 Error         A rule [T1014,T1547.006]\n             one");
  CHECK(alert_line(event, false, 51) == "13:29:59.123 Error         A rule [T1014,T1547.006]\n             one");
  CHECK(alert_line(event, false, 50) ==
        "13:29:59.123 Error         A rule\n             [T1014,T1547.006]\n             one");
  event.text = R"(tiercel: {"tiercel":{"time":"yesterday","rule":"A rule"}})";  // then when it came
  CHECK(alert_line(event, false, 0).starts_with("13:30:00.000 "));
}

TEST_CASE("cli text: columns are the terminal's") {
  REQUIRE(std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr);
  CHECK(columns_of("") == 0);
  CHECK(columns_of("caf\u00e9 e\u0301") == 6);
  CHECK(columns_of("\u6f22\u5b57") == 4);
  CHECK(columns_of("\xff\xfe") == 2);
  CHECK(cut("\u6f22\u5b57\u6f22\u5b57", 8) == "\u6f22\u5b57\u6f22\u5b57");
  CHECK(cut("\u6f22\u5b57\u6f22\u5b57", 7) == "\u6f22\u5b57...");
  CHECK(cut("\u6f22\u5b57\u6f22\u5b57", 6) == "\u6f22...");
  CHECK(cut("abcdef", 5) == "ab...");
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
