#include "siem/slack/text.h"

#include <doctest/doctest.h>

#include "siem/slack/describe.h"

using namespace tiercel;
using namespace tiercel::slack;

TEST_CASE("Slack: text of others is shown and not obeyed") {
  CHECK(literal("<!channel> & <@U1>", 100) == "&lt;!channel&gt; &amp; &lt;@U1&gt;");
  CHECK(code("a`b", 100) == "`a‘b`");
  CHECK(code("", 100) == "(empty)");
  CHECK(literal("a\nb\t\x1b[31m\x7f", 100) == "a\\nb\\t\\x1b[31m\\x7f");
  CHECK(literal("\u202egnp.exe", 100) == "\\u202egnp.exe");
  CHECK(literal("a\u200bb\ufeff\u0085", 100) == "a\\u200bb\\ufeff\\u0085");
  CHECK(literal("\U000e0041", 100) == "\\U000e0041");
  CHECK(literal("\xff\xc3", 100) == "\ufffd\ufffd");
  CHECK(literal(std::string_view("\0", 1), 100) == "\\x00");
  CHECK(plain("<a> & b", 100) == "‹a› & b");
}

TEST_CASE("Slack: what is shortened keeps its head and its tail, and never more than allowed") {
  CHECK(units("a\u00e9\u4e2d\U0001f600") == 5);
  const std::string cut = literal("begin" + std::string(1000, 'x') + "end", 40);
  CHECK(cut.starts_with("begin"));
  CHECK(cut.ends_with("end"));
  CHECK(cut.find(" … ") != std::string::npos);
  CHECK(head_of(std::string(100, 'a'), 10) == std::string(9, 'a') + "…");
  for (const std::string& piece :
       {std::string("&"), std::string("\U0001f600"), std::string("\u4e2d"), std::string("\n")}) {
    std::string text;
    for (int i = 0; i < 200; ++i) text += piece;
    for (size_t most = 0; most < 60; ++most) {
      CAPTURE(most);
      CHECK(units(literal(text, most)) <= most);
      CHECK(units(head_of(text, most)) <= most);
      const std::string shown = literal(text, most);
      if (piece == "&") CHECK((shown.find("&a") == std::string::npos || shown.find("&amp;") != std::string::npos));
    }
  }
  CHECK(literal("exactly", 7) == "exactly");
}

TEST_CASE("Slack: numbers and times for people") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'000) == "1,000");
  CHECK(grouped(12'345'678) == "12,345,678");
  CHECK(time_of(1'785'523'000'000'000'000) == "<!date^1785523000^{date_short} {time_secs}|2026-07-31 18:36:40 UTC>");
}
