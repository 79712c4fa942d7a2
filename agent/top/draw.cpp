// How a Dialog looks.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "agent/base/time_text.h"
#include "agent/top/dialog.h"
#include "agent/top/figures.h"
#include "agent/top/numbers.h"

namespace tiercel::top {
namespace {

constexpr size_t kLabel = 9;        // where the head's values begin
constexpr size_t kCurveFrom = 40;   // and its curves
constexpr size_t kCurveLabel = 16;  // "most 999,999/s" and blanks
constexpr size_t kTallEnough = 16;

struct Help {
  const char* keys;
  const char* what;
};
constexpr std::array<Help, 9> kKeys = {{
    {"Tab, arrows, 1-4", "the next view, the one before, that one"},
    {"s, S", "sort by the next column, by the one before"},
    {"r", "reverse the order"},
    {"/", "only rows with this text; Esc takes it back"},
    {"p, space", "the figures stand still; the curves go on"},
    {"up, down, PgUp, PgDn", "scroll; Home and End: to the first and last row"},
    {"+, -", "look half as often, twice as often"},
    {"?, h", "this page"},
    {"q", "quit"},
}};
constexpr std::array<Help, 7> kMeanings = {{
    {"TRIED/s", "how often the rule's condition was evaluated"},
    {"EACH", "what one such try, or judging one event, took"},
    {"CPU %", "of one CPU, estimated: tries and making alerts"},
    {"ALERTS, EVENTS", "since somebody began to look"},
    {"%", "of all events between two looks"},
    {"Rings", "what waits for the agent; most: since the last look"},
    {"deciding", "the thread that judges events; part of CPU"},
}};

std::string clock_text(uint64_t realtime_ns) {
  const std::string text = iso8601_z(realtime_ns);  // 2026-11-28T12:00:00.000Z
  return text.size() < 19 ? text : text.substr(11, 8) + "Z";
}

// A number is never cut: half of one would be another one.
std::string number_within(const Value& value, Unit unit, size_t width) {
  std::string text = shown(value, unit);
  return unit == Unit::kCount && text.size() > width ? short_number(value.number) : text;
}

// The figures' places that lost something; nothing where nothing was.
std::string lost_places(const Figures& f) {
  std::string out;
  for (const auto& [key, place] : {std::pair("kernel", "in the kernel"), std::pair("malformed_records", "malformed"),
                                   std::pair("spool", "in the spool"), std::pair("outputs", "at outputs")})
    if (const uint64_t lost = f.now.number(fmt::format("status.lost.{}", key)); lost > 0)
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", grouped(lost), place);
  return out;
}

// A sentence as lines of at most so many columns, and not more lines than that.
std::vector<std::string> lines_of(std::string_view text, size_t width, size_t most) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width && lines.size() < most)
      lines.emplace_back();
    else if (!lines.back().empty())
      lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

}  // namespace

void Dialog::draw_title(Grid& grid) const {
  grid.fill(0, Style::kTitle);
  if (!figures_) {
    grid.put(1, 0, "tiercel top", Style::kTitle);
    return;
  }
  // Figures that nobody renews are not those of now.
  const std::string when =
      trouble_.empty()
          ? fmt::format("{}every {:g} s  {}", paused_ ? "PAUSED  " : "", interval_s_, clock_text(figures_->realtime_ns))
          : fmt::format("NO ANSWER  last figures: {}", clock_text(figures_->realtime_ns));
  grid.put_right(grid.width() - std::min<size_t>(grid.width(), 1), 0, when, Style::kTitle);
  if (grid.width() < when.size() + 3) return;
  grid.put(1, 0,
           fmt::format("tiercel {}, up {}", figures_->now.text("status.version"),
                       duration(figures_->now.number("status.uptime_s"))),
           Style::kTitle, grid.width() - when.size() - 3);
}

// The newest value is at the right edge; the highest one fills its cell, and where there is room it is said how high
// that is: one burst makes all else look flat.
void Dialog::draw_curve(Grid& grid, size_t x, size_t y, const std::deque<double>& values) const {
  static constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array<const char*, 8> kAscii = {"_", ".", ":", "-", "=", "+", "*", "#"};
  if (grid.width() < x + 10) return;
  const bool said = grid.width() >= kWide;
  const size_t room = std::min(grid.width() - 1 - x - (said ? kCurveLabel : 0), values.size());
  const double most = *std::max_element(values.end() - static_cast<long>(room), values.end());
  if (said && most > 0)
    grid.put_right(grid.width() - 2 - room, y, fmt::format("most {}/s", short_number(most)), Style::kDim);
  for (size_t n = 0; n < room; ++n) {
    const double value = values[values.size() - room + n];
    if (value <= 0) continue;
    const auto level = std::min<size_t>(7, static_cast<size_t>(value / most * 7.99));
    grid.put(grid.width() - 1 - room + n, y, grid.unicode() ? kBlocks[level] : kAscii[level], Style::kGood);
  }
}

void Dialog::draw_agent(Grid& grid) const {
  const Figures& f = *figures_;
  const auto of = [&](const char* name) { return f.now.number(std::string("status.") + name); };
  grid.put(0, 4, "Agent", Style::kBold);
  size_t x = grid.put(kLabel, 4,
                      fmt::format("{} % of a CPU (deciding {} %), judging {} an event", percent(f.cpu_percent),
                                  percent(f.decider_percent), short_time_ns(f.judging_ns)));
  if (grid.width() >= kWide)
    grid.put(x, 4, fmt::format(" of {} timed, one in {}", grouped(f.now.number("timed")), f.now.number("timed_every")),
             Style::kDim);
  grid.put(0, 5, "Memory", Style::kBold);
  x = grid.put(kLabel, 5, bytes(of("memory.rss_anon_bytes")));
  if (grid.width() >= kWide) x = grid.put(x, 5, fmt::format(" and rings of {}", bytes(of("memory.ring_bytes"))));
  x = grid.put(std::max<size_t>(x + 3, 22), 5, "Rings ", Style::kBold);
  for (const Ring& ring : f.rings)
    x = grid.put(x, 5, fmt::format("{} {} %, most {} %", ring.name, percent(ring.percent), percent(ring.peak_percent)),
                 ring.peak_percent > 50 ? Style::kAlarm : Style::kPlain) +
        2;
  const bool managed = of("manager.configured") != 0;
  grid.put(0, 6, "Manager", Style::kBold);
  x = grid.put(kLabel, 6,
               !managed ? "none"
                        : fmt::format("{} {}", f.now.text("status.manager.address"),
                                      of("manager.connected") != 0 ? "connected" : "NOT CONNECTED"),
               managed && of("manager.connected") == 0 ? Style::kAlarm : Style::kPlain);
  x = std::max<size_t>(x + 3, 38);
  x = grid.put(x, 6, "Spool ", Style::kBold);
  x = grid.put(x, 6, fmt::format("{} waiting", grouped(of("spool.waiting"))));
  x = grid.put(x + 3, 6, "Rules ", Style::kBold);
  grid.put(x, 6, fmt::format("{} active", grouped(of("rules.active"))));
}

size_t Dialog::draw_head(Grid& grid) const {
  draw_title(grid);
  if (!figures_) {
    grid.put(1, 2, trouble_.empty() ? "Asking the agent..." : trouble_,
             trouble_.empty() ? Style::kPlain : Style::kAlarm);
    return 4;
  }
  const Figures& f = *figures_;
  const auto of = [&](const char* name) { return f.now.number(std::string("status.") + name); };
  const auto sums = [&](size_t y, const char* label, double rate, uint64_t all, Style style) {
    grid.put(0, y, label, Style::kBold);
    grid.put_right(kLabel + 8, y, short_number(rate) + "/s", style);
    grid.put_right(kLabel + 27, y,
                   (all < 1'000'000'000 ? grouped(all) : short_number(static_cast<double>(all))) + " in all", style);
  };
  sums(1, "Events", f.events_per_s, of("events"), Style::kPlain);
  sums(2, "Alerts", f.alerts_per_s, of("alerts"), Style::kPlain);
  sums(3, "Lost", f.lost_per_s, of("lost.total"), of("lost.total") > 0 ? Style::kAlarm : Style::kPlain);
  grid.put(kLabel + 29, 3, lost_places(f), Style::kAlarm);
  draw_curve(grid, kCurveFrom, 1, events_);
  draw_curve(grid, kCurveFrom, 2, alerts_);
  size_t y = 4;
  if (grid.height() >= kTallEnough) {
    draw_agent(grid);
    y = 7;
  }
  std::vector<std::string> troubles = f.troubles;
  if (!trouble_.empty()) troubles.insert(troubles.begin(), trouble_);
  const size_t most = grid.height() >= 40 ? 5 : 1;
  for (size_t n = 0; n < std::min(most, troubles.size()); ++n) {
    const std::string text = n + 1 == most && troubles.size() > most
                                 ? fmt::format("({} more: tiercel status) {}", troubles.size() - most, troubles[n])
                                 : troubles[n];
    for (const std::string& line : lines_of(text, grid.width(), grid.height() >= kTallEnough ? 2 : 1))
      grid.put(0, y++, line, Style::kAlarm);
  }
  return y;
}

void Dialog::draw_tabs(Grid& grid, size_t y, size_t rows) const {
  size_t x = 0;
  for (size_t n = 0; n < kViews; ++n) {
    const bool on = static_cast<View>(n) == view_;
    x = grid.put(x, y, fmt::format(" {} {} ", n + 1, shapes()[n].name), on ? Style::kTabOn : Style::kTab);
  }
  const size_t shown = std::min(page_, rows - std::min(rows, tab().first));
  const std::string rows_text =
      rows == 0 ? "no rows" : fmt::format("{}-{} of {}", tab().first + 1, tab().first + shown, rows);
  std::string place = fmt::format("by {}{}, {}", shape_of(view_).columns[tab().sort].title,
                                  tab().reversed ? " reversed" : "", rows_text);
  if (x + 1 + place.size() > grid.width()) place = rows_text;
  if (x + 1 + place.size() <= grid.width()) grid.put_right(grid.width(), y, place, Style::kDim);
}

void Dialog::draw_table(Grid& grid, size_t y, const std::vector<Row>& rows) const {
  const std::vector<Column>& columns = shape_of(view_).columns;
  grid.fill(y, Style::kHeading);
  size_t x = 0;
  for (size_t n = 0; n < columns.size() && x < grid.width(); ++n) {
    const Column& column = columns[n];
    if (grid.width() < column.from) continue;
    const size_t least = grid.width() < kWide && column.narrow > 0 ? column.narrow : column.width;
    const size_t width = least > 0 ? least : grid.width() - x;
    if (!is_text(column.unit) && x + width > grid.width()) break;
    const auto cell = [&](size_t line, const std::string& text, Unit unit, Style style) {
      if (!is_text(unit))
        grid.put_right(x + width, line, text, style, width);
      else if (unit == Unit::kPath)
        grid.put_end_of(x, line, text, style, width);
      else
        grid.put(x, line, text, style, width);
    };
    cell(y, column.title, is_text(column.unit) ? Unit::kText : column.unit,
         n == tab().sort ? Style::kSorted : Style::kHeading);
    for (size_t line = 0; line < page_ && tab().first + line < rows.size(); ++line) {
      const Row& row = rows[tab().first + line];
      bool quiet = true;  // nothing moves here
      for (size_t other = 0; other < columns.size(); ++other)
        quiet = quiet && (columns[other].unit != Unit::kRate || row.values[other].number <= 0);
      cell(y + 1 + line, number_within(row.values[n], column.unit, width), column.unit,
           row.alarm ? Style::kBold
           : quiet   ? Style::kDim
                     : Style::kPlain);
    }
    x += width + 1;
  }
  if (!rows.empty()) return;
  grid.put(1, y + 2,
           !filter_.empty() ? "Nothing here holds \"" + filter_ + "\": Esc shows all again."
                            : "Nothing came since you began to look.",
           Style::kDim);
}

void Dialog::draw_foot(Grid& grid) const {
  const size_t y = grid.height() - 1;
  grid.fill(y, Style::kHint);
  if (typing_) {
    grid.put(0, y, "Only rows with: " + filter_ + "_", Style::kBold);
    grid.put_right(grid.width(), y, "Enter keeps it, Esc takes it back", Style::kHint, grid.width() > 60 ? 34 : 0);
    return;
  }
  if (!filter_.empty()) {
    const size_t x = grid.put(0, y, "Only rows with \"" + filter_ + "\"", Style::kBold);
    grid.put(x, y, "   Esc all  / other  q quit  Tab view  ? help", Style::kHint);
    return;
  }
  grid.put(0, y, "q quit  Tab view  s sort  r reverse  / filter  p pause  +- interval  ? help", Style::kHint);
}

void Dialog::draw_help(Grid& grid) const {
  draw_title(grid);
  size_t y = 2;
  for (const Help& help : kKeys) {
    grid.put(2, y, help.keys, Style::kBold);
    grid.put(23, y++, help.what);
  }
  ++y;
  for (const Help& help : kMeanings) {
    grid.put(2, y, help.keys, Style::kBold);
    grid.put(23, y++, help.what);
  }
  grid.put(2, grid.height() - 1, "Any key goes back.", Style::kHint);
}

void Dialog::draw(Grid& grid) {
  width_ = grid.width();
  if (grid.height() == 0) return;
  if (help_) return draw_help(grid);
  const size_t y = draw_head(grid);
  if (figures_ && grid.height() > y + 3) {
    page_ = grid.height() - y - 3;
    const std::vector<Row> all = rows();
    Tab& here = tab();
    here.first = std::min(here.first, all.size() - std::min(all.size(), page_));
    draw_tabs(grid, y, all.size());
    draw_table(grid, y + 1, all);
  }
  draw_foot(grid);
}

}  // namespace tiercel::top
