// The full screen without a terminal: what is drawn at which size, and what keys do.
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <clocale>
#include <string>

#include "agent/top/dialog.h"

using namespace tiercel::top;
using Kind = Key::Kind;

namespace {

Figures figures(size_t processes = 40) {
  Figures f;
  f.interval_s = 1;
  f.realtime_ns = 1'700'000'000'000'000'000;
  f.now.texts["status.version"] = "0.1.0";
  f.now.numbers["status.uptime_s"] = 300;
  f.now.numbers["status.events"] = 1'203'441;
  f.now.numbers["status.alerts"] = 341;
  f.events_per_s = 5'012;
  f.alerts_per_s = 12.4;
  f.rings = {{"vital", 0.2, 1.5}, {"bulk", 3, 61}};
  const auto row = [](std::initializer_list<Value> values) { return Row{values, false}; };
  f.tables[0] = {
      row({{12.4, ""}, {341, ""}, {99, ""}, {85, ""}, {0.3, ""}, {0, "Warning"}, {0, "Shell in a container"}}),
      row({{0, ""}, {7, ""}, {4'000, ""}, {40, ""}, {1.2, ""}, {0, "Notice"}, {0, "Read sensitive file"}})};
  for (size_t n = 0; n < processes; ++n)
    f.tables[1].push_back(row({{double(processes - n), ""},
                               {double(n), ""},
                               {1, ""},
                               {0, ""},
                               {double(1'000 + n), ""},
                               {0, "host"},
                               {0, fmt::format("proc-{}", n)},
                               {0, fmt::format("/usr/bin/proc-{}", n)}}));
  return f;
}

struct Screen {
  Dialog dialog{View::kRules, 1};
  size_t width, height;
  bool unicode;
  Screen(size_t w, size_t h, bool u = false) : width(w), height(h), unicode(u) { dialog.take(figures()); }
  bool key(Kind kind) { return dialog.handle({kind, {}}); }
  bool type(const std::string& text) {
    bool go_on = true;
    for (char c : text) go_on = dialog.handle({Kind::kCharacter, std::string(1, c)});
    return go_on;
  }
  Grid grid() {
    Grid out(width, height, unicode);
    dialog.draw(out);
    return out;
  }
  std::string text() { return grid().text(); }
  bool shows(const std::string& what) { return text().find(what) != std::string::npos; }
};

}  // namespace

TEST_CASE("top: the head, the tabs and a table, at both usual sizes") {
  for (const auto& [width, height] : {std::pair<size_t, size_t>{80, 24}, {200, 50}}) {
    Screen screen(width, height);
    const Grid grid = screen.grid();
    CHECK(grid.line(0).starts_with(" tiercel 0.1.0, up 5 min 0 s"));
    CHECK(grid.line(0).ends_with("every 1 s  22:13:20Z"));
    CHECK(grid.line(1).starts_with("Events    5,012/s   1,203,441 in all"));
    CHECK(grid.line(2).starts_with("Alerts       12/s"));
    CHECK(grid.line(height - 1).starts_with("q quit"));
    CHECK(screen.shows(" 1 rules "));
    CHECK(screen.shows("by ALERTS/s, 1-2 of 2"));
    CHECK(screen.shows("Shell in a container"));
    CHECK(screen.shows("PRIORITY") == (width >= 100));
    for (size_t y = 0; y < height; ++y) CHECK(grid.line(y).size() <= width);
  }
}

TEST_CASE("top: views by Tab, arrows and numbers") {
  Screen screen(80, 24);
  CHECK(screen.key(Kind::kTab));
  CHECK(screen.shows("PROGRAM"));
  CHECK(screen.type("4"));
  CHECK(screen.shows("Nothing came since you began to look."));
  CHECK(screen.key(Kind::kRight));
  CHECK(screen.shows("RULE"));
  CHECK(screen.key(Kind::kBackTab));
  CHECK(screen.shows("LOST/s"));
  CHECK(screen.key(Kind::kLeft));
  CHECK(screen.shows("IMAGE"));
}

TEST_CASE("top: sort by columns that are there, and reversed") {
  Screen screen(80, 24);
  const auto first_rule = [&] {
    const Grid grid = screen.grid();
    for (size_t y = 0; y < grid.height(); ++y)
      if (grid.line(y).find("EACH CPU %") != std::string::npos) return grid.line(y + 1);
    return std::string();
  };
  CHECK(first_rule().ends_with("Shell in a container"));
  screen.type("ss");
  CHECK(screen.shows("by TRIED/s"));
  CHECK(first_rule().ends_with("Read sensitive file"));
  screen.type("r");
  CHECK(screen.shows("by TRIED/s reversed"));
  CHECK(first_rule().ends_with("Shell in a container"));
  screen.type("sss");
  CHECK(screen.shows("by RULE"));  // the priority is not shown at this width
  CHECK(first_rule().ends_with("Read sensitive file"));
  screen.type("s");
  CHECK(screen.shows("by ALERTS/s"));
  screen.type("S");
  CHECK(screen.shows("by RULE"));
}

TEST_CASE("top: scroll, and never beyond the end") {
  Screen screen(80, 24);
  screen.type("2");
  CHECK(screen.shows("1-14 of 40"));
  screen.key(Kind::kDown);
  CHECK(screen.shows("2-15 of 40"));
  screen.key(Kind::kPageDown);
  CHECK(screen.shows("16-29 of 40"));
  screen.key(Kind::kEnd);
  CHECK(screen.shows("27-40 of 40"));
  screen.key(Kind::kDown);
  CHECK(screen.shows("27-40 of 40"));
  screen.dialog.take(figures(5));  // most of them went
  CHECK(screen.shows("1-5 of 5"));
  screen.dialog.take(figures());
  screen.key(Kind::kHome);
  screen.key(Kind::kUp);
  CHECK(screen.shows("1-14 of 40"));
  screen.height = 50;
  CHECK(screen.shows("1-40 of 40"));
}

TEST_CASE("top: a filter is typed, kept, changed, taken back and cleared") {
  Screen screen(80, 24);
  screen.type("2/PROC-3");
  CHECK(screen.shows("Only rows with: PROC-3_"));
  CHECK(screen.shows("1-11 of 11"));  // while it is typed, in any case
  CHECK(screen.type("q"));            // a letter like others
  CHECK(screen.shows("Nothing here holds \"PROC-3q\""));
  screen.key(Kind::kBackspace);
  screen.key(Kind::kEnter);
  CHECK(screen.shows("Only rows with \"PROC-3\""));
  CHECK(screen.shows("by EVENTS/s, 1-11 of 11"));
  screen.type("/9");
  CHECK(screen.shows("1-1 of 1"));
  screen.key(Kind::kEscape);
  CHECK(screen.shows("1-11 of 11"));
  screen.key(Kind::kEscape);
  CHECK(screen.shows("1-14 of 40"));
  screen.type("/");
  (void)screen.dialog.handle({Kind::kCharacter, "é"});
  screen.key(Kind::kBackspace);
  CHECK(screen.shows("Only rows with: _"));
}

TEST_CASE("top: pause keeps the figures, not the curves; the interval; quit") {
  Screen screen(80, 24);
  screen.type("p");
  Figures later = figures();
  later.events_per_s = 777;
  screen.dialog.take(later);
  CHECK(screen.shows("PAUSED"));
  CHECK(screen.shows("5,012/s"));
  screen.type(" ");
  screen.dialog.take(later);
  CHECK(screen.shows("777/s"));
  screen.type("+");
  CHECK(screen.shows("every 2 s"));
  screen.type("------------");
  CHECK(screen.dialog.interval_s() == Dialog::kIntervalLeastS);
  screen.type("++++++++++++++");
  CHECK(screen.dialog.interval_s() == Dialog::kIntervalMostS);
  CHECK(screen.key(Kind::kResize));
  CHECK(screen.key(Kind::kNone));
  CHECK_FALSE(screen.type("q"));
}

TEST_CASE("top: help, and any key goes back") {
  Screen screen(80, 24);
  screen.type("?");
  CHECK(screen.shows("Any key goes back."));
  CHECK(screen.shows("how often the rule's condition was evaluated"));
  CHECK_FALSE(screen.shows("Shell in a container"));
  CHECK(screen.type("q"));
  CHECK(screen.shows("Shell in a container"));
}

TEST_CASE("top: before the first answer, when the agent is silent, and when something is wrong") {
  Screen screen(80, 24);
  screen.dialog = Dialog(View::kRules, 1);
  CHECK(screen.shows("Asking the agent..."));
  screen.dialog.trouble("the agent is not running");
  CHECK(screen.shows("the agent is not running"));
  Figures f = figures();
  f.troubles = {"first", "second", "third"};
  screen.dialog.take(f);
  CHECK_FALSE(screen.shows("not running"));
  CHECK(screen.shows("(2 more: tiercel status) first"));
  screen.height = 50;
  CHECK(screen.shows("third"));
  screen.dialog.trouble("the agent hung up");
  CHECK(screen.shows("the agent hung up"));
  CHECK(screen.shows("Shell in a container"));  // the last figures stay
}

TEST_CASE("top: a narrow screen has room for names, and no number is cut") {
  Figures f = figures();
  f.tables[0][0].values[0].number = 999'999;
  f.tables[0][0].values[1].number = 8'765'432;
  f.tables[0][0].values[2].number = 999'999;
  f.tables[0][0].values[6].text = std::string(50, 'r');
  f.tables[1][0].values[7].text = "/a/folder/deep/below/others/which/has/a/very/long/path/of/a/program-in-it";
  Screen screen(80, 24);
  screen.dialog.take(f);
  const std::string row = screen.grid().line(9);
  CHECK(row.starts_with(" 999,999   8.77M 999,999  85ns  0.30 "));
  CHECK(row.ends_with(std::string(42, 'r') + "~"));
  screen.width = 100;
  CHECK(screen.grid().line(9).starts_with("  999,999 8,765,432   999,999    85ns   0.30 Warning "));
  screen.width = 80;
  screen.type("2");
  CHECK(screen.grid().line(9).ends_with("~of/a/program-in-it"));  // of a path, its end
  for (const size_t width : {30, 40, 50, 60}) {
    screen.width = width;
    for (size_t y = 1; y + 1 < screen.height; ++y) CHECK(screen.grid().line(y).find("9~") == std::string::npos);
  }
}

TEST_CASE("top: what was lost where, only where something was") {
  Screen screen(80, 24);
  CHECK(screen.grid().line(3) == "Lost          0/s           0 in all");
  Figures f = figures();
  f.lost_per_s = 120'000;
  f.now.numbers["status.lost.total"] = 12'345'678;
  f.now.numbers["status.lost.kernel"] = 12'345'600;
  f.now.numbers["status.lost.spool"] = 78;
  screen.dialog.take(f);
  CHECK(screen.grid().line(3) == "Lost    120,000/s  12,345,678 in all  12,345,600 in the kernel, 78 in the spool");
}

TEST_CASE("top: the last figures of an agent that is gone are not those of now") {
  Screen screen(80, 24);
  screen.dialog.trouble(
      "the agent is not running (nobody listens on /run/tiercel/tiercel.sock): start it with tiercel run");
  CHECK(screen.grid().line(0).ends_with("NO ANSWER  last figures: 22:13:20Z"));
  CHECK(screen.grid().line(7).starts_with("the agent is not running (nobody"));
  CHECK(screen.grid().line(8).ends_with("with tiercel run"));  // whole, in two lines
  screen.dialog.take(figures());
  CHECK(screen.grid().line(0).ends_with("every 1 s  22:13:20Z"));
  screen.width = 40;  // the title's halves do not run into each other
  CHECK(screen.grid().line(0) == " tiercel 0.1.0, u~ every 1 s  22:13:20Z");
}

TEST_CASE("top: curves, in both alphabets") {
  REQUIRE(std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr);
  for (const bool unicode : {false, true}) {
    Screen screen(80, 24, unicode);
    for (int n = 0; n < 300; ++n) {
      Figures f = figures();
      f.events_per_s = n % 3 == 2 ? 800 : 0;
      screen.dialog.take(f);
    }
    CHECK(screen.grid().line(1).ends_with(unicode ? "█  █  █" : "#  #  #"));
    CHECK(screen.grid().line(2).find(unicode ? "██████" : "######") != std::string::npos);
    CHECK_FALSE(screen.shows("most 800/s"));
    screen.width = 100;
    CHECK(screen.grid().line(1).find(unicode ? "  most 800/s █  █" : "  most 800/s #  #") != std::string::npos);
    screen.width = 200;
    CHECK(screen.grid().line(1).find("most 800/s ") == 200 - 2 - 120 - 10);
  }
}

TEST_CASE("top: hostile names, and every size down to nothing") {
  REQUIRE(std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr);
  const std::string hostile = "\x1b[2J\xff\xfe 漢字\xe2\x80\xae e\xcc\x81 \xf0\x9f\x98\x80 \xed\xa0\x80\xc0\x80";
  Figures f = figures();
  for (auto& table : f.tables)
    for (Row& row : table)
      for (Value& value : row.values)
        if (!value.text.empty()) value.text = hostile;
  f.now.texts["status.version"] = hostile;
  f.troubles = {hostile};
  for (const bool unicode : {false, true})
    for (const size_t width : {0, 1, 2, 7, 19, 40, 79, 80, 130})
      for (const size_t height : {0, 1, 3, 8, 15, 17, 24, 50}) {
        Screen screen(width, height, unicode);
        screen.dialog.take(f);
        for (const char* keys : {"2", "3", "?", "x4", "/a"}) {
          screen.type(keys);
          const std::string text = screen.text();
          CHECK(std::all_of(text.begin(), text.end(), [&](unsigned char c) {
            return c == '\n' || (c >= ' ' && c != 0x7f && (unicode || c < 0x80));
          }));
          CHECK(text.find("\xe2\x80\xae") == std::string::npos);  // writes from right to left
        }
      }
}

TEST_CASE("grid: what does not fit is cut and marked; wide characters take two columns") {
  REQUIRE(std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr);
  Grid grid(10, 3, true);
  CHECK(grid.put(0, 0, "0123456789abc") == 10);
  CHECK(grid.line(0) == "012345678…");
  CHECK(grid.put(2, 1, "漢字漢字漢字") <= 10);
  CHECK(grid.line(1) == "  漢字漢…");
  grid.put_right(8, 2, "right");
  CHECK(grid.line(2) == "   right");
  grid.put(20, 0, "nowhere");
  grid.put(0, 20, "nowhere");
  Grid ascii(6, 1, false);
  ascii.put(0, 0, "étoile du nord");
  CHECK(ascii.line(0) == "?toil~");
}
