#include "agent/top/plain.h"

#include <fmt/core.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>

#include "agent/base/time_text.h"
#include "agent/top/grid.h"
#include "agent/top/numbers.h"

namespace tiercel::top {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// What goes to a pipe may end on a terminal all the same.
std::string harmless(const std::string& text) {
  Grid grid(std::max<size_t>(text.size(), 1), 1, true);
  grid.put(0, 0, text);
  return grid.line(0);
}

void add_table(std::string& out, const Figures& figures, View view, size_t most) {
  const Shape& shape = shape_of(view);
  const std::vector<Row>& rows = figures.table(view);
  const size_t count = most == 0 ? rows.size() : std::min(most, rows.size());
  out +=
      fmt::format("\n{} ({} of {}, by {})\n", shape.title, count, rows.size(), shape.columns[shape.sort_first].title);
  std::vector<std::vector<std::string>> lines(count + 1);
  for (size_t n = 0; n < shape.columns.size(); ++n) {
    const Column& column = shape.columns[n];
    lines[0].emplace_back(column.title);
    for (size_t row = 0; row < count; ++row)
      lines[row + 1].push_back(harmless(shown(rows[row].values[n], column.unit)));
  }
  std::vector<size_t> widths(shape.columns.size());
  for (const auto& line : lines)
    for (size_t n = 0; n < line.size(); ++n) widths[n] = std::max(widths[n], line[n].size());
  for (const auto& line : lines) {
    std::string text;
    for (size_t n = 0; n < line.size(); ++n)
      text += is_text(shape.columns[n].unit) ? fmt::format("{:<{}}  ", line[n], widths[n])
                                             : fmt::format("{:>{}}  ", line[n], widths[n]);
    text.resize(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
}

// Three digits behind the point are enough for everybody.
void put(Writer& out, const char* key, double value) {
  out.Key(key);
  out.Double(std::round(value * 1000) / 1000);
}

void put(Writer& out, const char* key, const std::string& value) {
  out.Key(key);
  out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void put_count(Writer& out, const char* key, uint64_t value) {
  out.Key(key);
  out.Uint64(value);
}

void put_rows(Writer& out, const Figures& figures, View view) {
  const Shape& shape = shape_of(view);
  out.Key(shape.name);
  out.StartArray();
  for (const Row& row : figures.table(view)) {
    out.StartObject();
    for (size_t n = 0; n < shape.columns.size(); ++n) {
      const Column& column = shape.columns[n];
      if (is_text(column.unit))
        put(out, column.key, row.values[n].text);
      else if (column.unit == Unit::kCount || column.unit == Unit::kId)
        put_count(out, column.key, static_cast<uint64_t>(row.values[n].number));
      else
        put(out, column.key, row.values[n].number);
    }
    out.EndObject();
  }
  out.EndArray();
}

void put_sums(Writer& out, const Figures& f) {
  const auto of = [&](const char* name) { return f.now.number(std::string("status.") + name); };
  const auto rated = [&](const char* key, double per_s, uint64_t total) {
    out.Key(key);
    out.StartObject();
    put(out, "per_s", per_s);
    put_count(out, "total", total);
    out.EndObject();
  };
  rated("events", f.events_per_s, of("events"));
  rated("alerts", f.alerts_per_s, of("alerts"));
  rated("lost", f.lost_per_s, of("lost.total"));
  out.Key("agent");
  out.StartObject();
  put(out, "version", f.now.text("status.version"));
  put_count(out, "uptime_s", of("uptime_s"));
  put(out, "cpu_percent", f.cpu_percent);
  put(out, "deciding_cpu_percent", f.decider_percent);
  put(out, "judging_ns_per_event", f.judging_ns);
  put(out, "judging_cpu_percent", f.judging_percent);
  put_count(out, "timed_events", f.now.number("timed"));
  put_count(out, "timed_every", f.now.number("timed_every"));
  put_count(out, "rss_anon_bytes", of("memory.rss_anon_bytes"));
  put_count(out, "ring_bytes", of("memory.ring_bytes"));
  put_count(out, "spool_waiting", of("spool.waiting"));
  out.EndObject();
  out.Key("rings");
  out.StartArray();
  for (const Ring& ring : f.rings) {
    out.StartObject();
    put(out, "ring", ring.name);
    put(out, "percent", ring.percent);
    put(out, "peak_percent", ring.peak_percent);
    out.EndObject();
  }
  out.EndArray();
  out.Key("troubles");
  out.StartArray();
  for (const std::string& trouble : f.troubles) out.String(trouble);
  out.EndArray();
}

}  // namespace

std::string figures_text(const Figures& f, const PlainOptions& options) {
  const auto of = [&](const char* name) { return f.now.number(std::string("status.") + name); };
  std::string out = fmt::format(
      "tiercel {}, up {}; {} over {:.1f} s\n"
      "events  {}/s, {} in all\n"
      "alerts  {}/s, {} in all\n"
      "lost    {}/s, {} in all (kernel {}, malformed {}, spool {}, outputs {})\n"
      "agent   {} % of a CPU (deciding {} %), judging {} an event; {} and rings {}\n",
      f.now.text("status.version"), duration(of("uptime_s")), iso8601_z(f.realtime_ns), f.interval_s,
      short_number(f.events_per_s), grouped(of("events")), short_number(f.alerts_per_s), grouped(of("alerts")),
      short_number(f.lost_per_s), grouped(of("lost.total")), of("lost.kernel"), of("lost.malformed_records"),
      of("lost.spool"), of("lost.outputs"), percent(f.cpu_percent), percent(f.decider_percent),
      short_time_ns(f.judging_ns), bytes(of("memory.rss_anon_bytes")), bytes(of("memory.ring_bytes")));
  for (const Ring& ring : f.rings)
    out +=
        fmt::format("ring    {}: {} % full, most {} %\n", ring.name, percent(ring.percent), percent(ring.peak_percent));
  for (const std::string& trouble : f.troubles) out += "TROUBLE " + harmless(trouble) + "\n";
  for (size_t n = 0; n < kViews; ++n)
    if (!options.view || *options.view == static_cast<View>(n)) add_table(out, f, static_cast<View>(n), options.rows);
  return out;
}

std::string figures_json(const Figures& f) {
  rapidjson::StringBuffer buffer;
  Writer out(buffer);
  out.StartObject();
  put(out, "time", iso8601_z(f.realtime_ns));
  put(out, "interval_s", f.interval_s);
  put_sums(out, f);
  for (size_t n = 0; n < kViews; ++n) put_rows(out, f, static_cast<View>(n));
  out.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace tiercel::top
