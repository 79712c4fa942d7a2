// An alert as a row of the spool's file, and back; rows that an older agent wrote, and damaged ones.
#include <doctest/doctest.h>

#include "siem/packed_alert.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::siem;
using namespace tiercel::siem::test;
using alert::Priority;

TEST_CASE("spool: an alert as bytes and back; damaged bytes are no alert") {
  alert::Alert alert = *make_alert(Priority::kError, std::string("i\0d", 3), "rule");
  alert.tags = {"a", "", "mitre_x"};
  alert.time_ns = UINT64_MAX;
  alert.routine = true;
  alert.message = std::string(70'000, 'm');
  alert.refused_by = {1, UINT64_MAX, 0xaf63dc4c8601ec8c};
  const std::string bytes = pack(alert, kEventJson | kFalcoJson | kTextLine);
  const alert::AlertPtr back = unpack(bytes);
  REQUIRE(back);
  CHECK(back->id == alert.id);
  CHECK(back->tags == alert.tags);
  CHECK(back->time_ns == alert.time_ns);
  CHECK(back->routine);
  CHECK(back->priority == alert.priority);
  CHECK(back->message == alert.message);
  CHECK(back->event_json == alert.event_json);
  CHECK(back->falco_json == alert.falco_json);
  CHECK(back->text_line == alert.text_line);
  CHECK(back->refused_by == alert.refused_by);
  CHECK(unpack(pack(alert, kEventJson))->refused_by == alert.refused_by);
  CHECK(unpack(pack(alert, kEventJson))->falco_json.empty());
  CHECK(unpack(pack(alert, kEventJson))->message.empty());  // the event has it
  alert.event_json = std::string(64'000, 'e');              // unless it has to be cut
  CHECK(unpack(pack(alert, kEventJson))->message == alert.message);
  for (size_t at = 0; at < 200; ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    CHECK_FALSE(unpack(damaged));
    CHECK_FALSE(unpack(bytes.substr(0, at)));
  }
}

// Written by the version before: {id "i-1", rule "R", Warning, tags a and b, event {}}.
TEST_CASE("spool: rows of the version before are read, and refused by nothing") {
  std::string bytes("\x01", 1);
  const std::string body(
      "\x05\x04\x01\x02\x01"
      "a"
      "\x01"
      "b"
      "\x03"
      "i-1"
      "\x01"
      "R"
      "\0\0\0\0\0\0\0"
      "\x02"
      "{}",
      24);
  const uint64_t sum = packed_checksum(body);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  const alert::AlertPtr back = unpack(bytes + body);
  REQUIRE(back);
  CHECK(back->id == "i-1");
  CHECK(back->rule == "R");
  CHECK(back->time_ns == 5);
  CHECK(back->priority == Priority::kWarning);
  CHECK(back->routine);
  CHECK(back->tags == std::vector<std::string>{"a", "b"});
  CHECK(back->event_json == "{}");
  CHECK(back->refused_by.empty());
}
