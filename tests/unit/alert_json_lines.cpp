#include <doctest/doctest.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <rapidjson/document.h>

#include "agent/alert/json.h"
#include "agent/base/priority.h"
#include "agent/base/time_text.h"

using namespace tiercel;
using namespace tiercel::alert;

namespace {

constexpr uint64_t kTime = 1'785'522'421'000'000'000;  // 2026-07-31T18:27:01Z

// Falco's examples are in a place where local time is UTC.
struct UtcHere {
  std::string before;
  bool had = false;
  UtcHere() {
    if (const char* zone = ::getenv("TZ")) {
      before = zone;
      had = true;
    }
    set("UTC0");
  }
  ~UtcHere() {
    if (had)
      set(before.c_str());
    else
      ::unsetenv("TZ"), ::tzset();
  }
  static void set(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
};

FalcoLine example() {
  FalcoLine line;
  line.time_ns = kTime;
  line.priority = Priority::kWarning;
  line.hostname = "h";
  line.rule = "R";
  line.source = "syscall";
  line.message = "msg user=root";
  line.output_fields = {{"user.name", "root"}};
  line.tags = {"b", "a"};
  return line;
}

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

}  // namespace

TEST_CASE("json: Falco's example line, byte for byte") {
  UtcHere utc;
  CHECK(
      falco_json_line(example()) ==
      R"({"hostname":"h","output":"18:27:01.000000000: Warning msg user=root","output_fields":{"evt.time":1785522421000000000,"user.name":"root"},"priority":"Warning","rule":"R","source":"syscall","tags":["a","b"],"time":"2026-07-31T18:27:01.000000000Z"})");
  CHECK(text_line(example()) == "18:27:01.000000000: Warning msg user=root");
}

TEST_CASE("json: the include switches and the ISO time") {
  UtcHere utc;
  FalcoLine line = example();
  line.output_fields.clear();
  line.tags.clear();
  line.time_format_iso_8601 = true;
  line.json_include_message_property = true;
  CHECK(
      falco_json_line(line) ==
      R"({"hostname":"h","message":"msg user=root","output":"2026-07-31T18:27:01.000000000+0000: Warning msg user=root","output_fields":{"evt.time.iso8601":1785522421000000000},"priority":"Warning","rule":"R","source":"syscall","tags":[],"time":"2026-07-31T18:27:01.000000000Z"})");
  line.json_include_message_property = false;
  line.json_include_output_property = false;
  line.json_include_output_fields_property = false;
  line.json_include_tags_property = false;
  CHECK(
      falco_json_line(line) ==
      R"({"hostname":"h","priority":"Warning","rule":"R","source":"syscall","time":"2026-07-31T18:27:01.000000000Z"})");
  CHECK(text_line(line) == "2026-07-31T18:27:01.000000000+0000: Warning msg user=root");
}

TEST_CASE("json: fields are typed, sorted, and the later of two counts") {
  FalcoLine line = example();
  line.json_include_output_property = false;
  line.output_fields = {
      {"z", nullptr}, {"proc.pid", int64_t{-7}},   {"a", uint64_t{18446744073709551615u}},  {"fd.sport", 443},
      {"t", true},    {"proc.aname[2]", "x\"y"},   {"l", JsonValue::List{"a", 1, nullptr}}, {"evt.time", 1},
      {"z", "later"}, {"empty", JsonValue::List{}}};
  const std::string text = falco_json_line(line);
  CHECK(
      text.find(
          R"("output_fields":{"a":18446744073709551615,"empty":[],"evt.time":1785522421000000000,"fd.sport":443,"l":["a",1,null],"proc.aname[2]":"x\"y","proc.pid":-7,"t":true,"z":"later"})") !=
      std::string::npos);
}

TEST_CASE("json: internal messages have their fields in the text and no tags") {
  UtcHere utc;
  FalcoLine line = example();
  line.source = "internal";
  line.rule = "Falco internal: x";
  line.message = "Falco internal: x";
  line.output_fields = {{"n_drops", 3}, {"ebpf_enabled", "1"}};
  CHECK(output_text(line) == "18:27:01.000000000: Warning Falco internal: x (ebpf_enabled=\"1\" n_drops=3)");
  CHECK(text_line(line) == "18:27:01.000000000: Warning Falco internal: x (ebpf_enabled=\\\"1\\\" n_drops=3)");
  const std::string text = falco_json_line(line);
  CHECK(text.find("\"tags\"") == std::string::npos);
  CHECK(text.find(R"("output_fields":{"ebpf_enabled":"1","n_drops":3})") != std::string::npos);
}

TEST_CASE("json: escaping, and what is not UTF-8") {
  CHECK(escaped("a\"b\\c/\b\t\n\f\r") == "a\\\"b\\\\c/\\b\\t\\n\\f\\r");
  CHECK(escaped(std::string_view("\0\x1b\x1f", 3)) == "\\u0000\\u001b\\u001f");
  CHECK(escaped("\x7f\xc2\x80\xc2\x9b\xc2\xa0") == "\\u007f\\u0080\\u009b\xc2\xa0");
  CHECK(escaped("\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x85") == "\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x85");
  const std::string fffd = "\xef\xbf\xbd";
  CHECK(escaped("a\xff"
                "b") == "a" + fffd + "b");
  CHECK(escaped("\xc3") == fffd);
  CHECK(escaped("\xc3(") == fffd + "(");
  CHECK(escaped("\xe2\x82") == fffd);  // one for a broken sequence
  CHECK(escaped("\xe2\x82z") == fffd + "z");
  CHECK(escaped("\xc0\xaf") == fffd + fffd);             // overlong
  CHECK(escaped("\xed\xa0\x80") == fffd + fffd + fffd);  // a surrogate
  CHECK(escaped("\xf4\x90\x80\x80") == fffd + fffd + fffd + fffd);
  CHECK(escaped("\xf0\x9f\xa6") == fffd);
  CHECK(escaped("\xef\xbf\xbd") == fffd);
}

TEST_CASE("json: any bytes make one line that a JSON reader takes") {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text(random() % 40, '\0');
    for (char& c : text) c = static_cast<char>(random() % 3 == 0 ? 0xC0 + random() % 64 : random() % 256);
    FalcoLine line = example();
    line.message = text;
    line.output_fields = {{text, text}};
    const std::string json = falco_json_line(line);
    rapidjson::Document parsed;
    parsed.Parse<rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
    REQUIRE_FALSE(parsed.HasParseError());
    const std::string plain = text_line(line);
    for (const std::string* out : {&json, &plain})
      REQUIRE(std::all_of(out->begin(), out->end(), [](unsigned char c) { return c >= 0x20; }));
  }
}

TEST_CASE("time: the forms of Falco's time fields") {
  UtcHere utc;
  const uint64_t time = kTime + 5;
  CHECK(time_local(time) == "18:27:01.000000005");
  CHECK(time_local_seconds(time) == "18:27:01");
  CHECK(datetime_local(time) == "2026-07-31 18:27:01.000000005");
  CHECK(datetime_local_seconds(time) == "2026-07-31 18:27:01");
  CHECK(iso8601_offset(time) == "2026-07-31T18:27:01.000000005+0000");
  CHECK(iso8601_z(time) == "2026-07-31T18:27:01.000000005Z");
  UtcHere::set("XYZ-3");
  CHECK(time_local(time) == "21:27:01.000000005");
  CHECK(iso8601_z(time) == "2026-07-31T18:27:01.000000005Z");
}

TEST_CASE("priority: words and numbers") {
  for (size_t i = 0; i < kPriorityNames.size(); ++i) {
    CHECK(priority_number(kPriorityNames[i]) == i);
    CHECK(display_name(static_cast<Priority>(i)) == kPriorityNames[i]);
  }
  CHECK(priority_number("INFO") == 6);
  CHECK_FALSE(priority_number("high"));
  CHECK_FALSE(priority_number(""));
  CHECK(priority_number_of_three_steps("HIGH") == 3);
  CHECK(priority_number_of_three_steps("medium") == 4);
  CHECK(priority_number_of_three_steps("Low") == 5);
  CHECK_FALSE(priority_number_of_three_steps("Critical"));
}

TEST_CASE("hostname: the environment first") {
  ::unsetenv("FALCO_HOSTNAME");
  CHECK_FALSE(falco_hostname().empty());
  ::setenv("FALCO_HOSTNAME", "given", 1);
  CHECK(falco_hostname() == "given");
  ::unsetenv("FALCO_HOSTNAME");
}
