// RFC 5424 messages and addresses, against the RFC's grammar.
#include <doctest/doctest.h>
#include <re2/re2.h>

#include <string>

#include "agent/base/syslog.h"
#include "siem/local/syslog_text.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Priority;

namespace {

alert::Alert an_alert() {
  alert::Alert made = *make_alert(Priority::kWarning, "x");
  made.time_ns = 1'753'986'421'123'456'789;
  made.tags = {"T1611", "container_escape"};
  return made;
}

const SyslogFacts kFacts{.facility = 16, .hostname = "web1", .version = "0.1.0", .pid = 4711, .clock_synced = true};

std::string message(const alert::Alert& alert, const std::string& text, size_t bytes_max = 0) {
  bool cut = false;
  return syslog5424_message(kFacts, alert, text, bytes_max, cut);
}

}  // namespace

TEST_CASE("syslog: a message of RFC 5424") {
  CHECK(message(an_alert(), "text") ==
        "<132>1 2025-07-31T18:27:01.123456Z web1 tiercel 4711 container_escape "
        "[origin software=\"tiercel\" swVersion=\"0.1.0\"][timeQuality tzKnown=\"1\" isSynced=\"1\"] text");
}

TEST_CASE("syslog: whatever the text and the names, a message is one line in the RFC's grammar") {
  // HEADER and STRUCTURED-DATA of RFC 5424, section 6.
  static const RE2 kGrammar(
      R"re(<(1[0-8][0-9]|19[01]|[1-9]?[0-9])>1 [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,6}Z )re"
      R"re([!-~]{1,255} [!-~]{1,48} [!-~]{1,128} [!-~]{1,32} )re"
      R"re((\[[!#-<>-\\^-~]{1,32}( [!#-<>-\\^-~]{1,32}="([^"\\\]]|\\.)*")*\])+ [^\n]*)re");
  REQUIRE(kGrammar.ok());
  for (const char* hostname : {"web1", "", "two words", "bad\nline", "\xc3\xa4"})
    for (const char* version : {"1.0", "", "1\"]\\", "1\n2"})
      for (const char* text : {"text", "", "two\nlines", "<14>1 - - - - - - fake", "tab\there", "\x01\x7f"})
        for (int facility = 0; facility < 24; facility += 23) {
          const SyslogFacts facts{static_cast<uint8_t>(facility), hostname, version, 1, false};
          bool cut = false;
          const std::string made = syslog5424_message(facts, an_alert(), text, 0, cut);
          CAPTURE(made);
          CHECK(RE2::FullMatch(made, kGrammar));
          CHECK(!cut);
        }
  CHECK(message(an_alert(), "a\nb\x7f").ends_with(" a\\x0Ab\\x7F"));
  CHECK(message(an_alert(), std::string("a\0b", 3)).ends_with(" a\\x00b"));
}

TEST_CASE("syslog: a message that is too long is cut with a mark, never within a character") {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "\xe2\x82\xac";
  const std::string whole = message(an_alert(), text);
  for (size_t most = 480; most < 490; ++most) {
    bool cut = false;
    const std::string made = syslog5424_message(kFacts, an_alert(), text, most, cut);
    CHECK(cut);
    CHECK(made.size() <= most);
    CHECK(made.size() + 3 > most);
    CHECK(made.ends_with("\xe2\x82\xac...[cut]"));
    CHECK(whole.starts_with(made.substr(0, made.size() - 8)));
  }
  bool cut = true;
  CHECK(syslog5424_message(kFacts, an_alert(), text, whole.size(), cut) == whole);
  CHECK(!cut);
}

TEST_CASE("syslog: addresses, and what is none") {
  using Way = SyslogAddress::Way;
  const auto udp = parse_syslog_address("udp://siem.example.com");
  REQUIRE(udp);
  CHECK(udp->way == Way::kUdp);
  CHECK(udp->host == "siem.example.com");
  CHECK(udp->port == 514);
  CHECK(parse_syslog_address("tls://[2001:db8::1]")->port == 6514);
  CHECK(parse_syslog_address("unix:///dev/log")->path == "/dev/log");
  for (const char* text : {"unix:///dev/log", "udp://a:1", "tcp://10.0.0.1:65535", "tls://[::1]:6514"}) {
    const auto address = parse_syslog_address(text);
    REQUIRE(address);
    CHECK(to_text(*address) == text);
  }
  for (const char* text :
       {"", "/dev/log", "udp://", "udp://a:", "udp://a:0", "udp://a:65536", "udp://a:1x", "udp://::1", "tcp://[::1",
        "tcp://a/b", "tcp://u@a", "http://a", "unix://dev/log", "tcp://a b", "tcp://[::1]x", "tls://a#b"}) {
    CAPTURE(text);
    const auto address = parse_syslog_address(text);
    CHECK(!address);
    if (!address) CHECK(address.error().fault == Fault::kUser);
  }
  CHECK(!parse_syslog_address("unix:///" + std::string(107, 'x')));
  CHECK(syslog_facility("user") == 1);
  CHECK(syslog_facility("local7") == 23);
  CHECK(!syslog_facility("USER"));
  CHECK(syslog_facility_names().starts_with("kern, user, mail, "));
}
