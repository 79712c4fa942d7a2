#include "agent/top/figures.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <unordered_map>

namespace tiercel::top {
namespace {

constexpr double kNsPerS = 1e9;

// What a row did between two samples. One that was counted anew meanwhile has only its new count.
class Change {
 public:
  explicit Change(const std::vector<SampleRow>& before) {
    for (const SampleRow& row : before) before_.emplace(row.key, &row);
  }
  explicit Change(const std::vector<SampleRow>&&) = delete;  // it only points there
  [[nodiscard]] double of(const SampleRow& now, const std::string& name) const {
    const uint64_t after = now.number(name);
    const auto found = before_.find(now.key);
    const uint64_t before = found == before_.end() ? 0 : found->second->number(name);
    return static_cast<double>(after >= before ? after - before : after);
  }

 private:
  std::unordered_map<std::string, const SampleRow*> before_;
};

double ratio(double part, double whole, double otherwise = 0) {
  return whole > 0 ? part / whole : otherwise;
}

Value text(std::string value) {
  return {0, std::move(value)};
}

Value number(double value) {
  return {value, {}};
}

std::string without_path(const std::string& exepath) {
  return exepath.substr(exepath.rfind('/') + 1);
}

struct Interval {
  const Sample& before;
  const Sample& after;
  double s;

  [[nodiscard]] double rate(double change) const { return ratio(change, s); }
  [[nodiscard]] double percent_of_cpu(double ns) const { return ratio(ns * 100, s * kNsPerS); }
};

std::vector<Row> rule_rows(const Interval& time, const Figures& figures) {
  std::vector<Row> rows;
  // Another set's rules were counted from nothing.
  const bool same = time.before.all.text("rules_digest") == time.after.all.text("rules_digest");
  static const std::vector<SampleRow> kNone;
  const Change change(same ? time.before.rules : kNone);
  for (const SampleRow& row : time.after.rules) {
    const double timed = change.of(row, "timed");
    // Of a rule that was timed seldom, all that is known of it.
    const double each_ns =
        timed >= 16 ? change.of(row, "tried_ns") / timed
                    : ratio(static_cast<double>(row.number("tried_ns")), static_cast<double>(row.number("timed")));
    rows.push_back(
        {{number(time.rate(change.of(row, "alerts"))), number(static_cast<double>(row.number("alerts"))),
          number(time.rate(change.of(row, "tried"))), number(each_ns),
          number(time.percent_of_cpu(change.of(row, "cost_ns"))), text(row.text("priority")), text(row.text("rule"))},
         false});
  }
  const uint64_t before = same ? time.before.all.number("finding_ns") : 0;
  const auto finding_ns = static_cast<double>(time.after.all.number("finding_ns") - before);
  if (!rows.empty())
    rows.push_back(
        {{number(0), number(0), number(figures.events_per_s), number(ratio(finding_ns, figures.events_per_s * time.s)),
          number(time.percent_of_cpu(finding_ns)), text("-"), text("(all: which rules are worth trying)")},
         false});
  return rows;
}

std::vector<Row> process_rows(const Interval& time, double all_events) {
  std::vector<Row> rows;
  const Change change(time.before.processes);
  for (const SampleRow& row : time.after.processes) {
    const double events = change.of(row, "events");
    std::string name = row.text("name");
    if (name.empty()) name = without_path(row.text("exepath"));
    rows.push_back(
        {{number(time.rate(events)), number(static_cast<double>(row.number("events"))),
          number(100 * ratio(events, all_events)), number(static_cast<double>(row.number("alerts"))),
          number(static_cast<double>(row.number("pid"))),
          text(row.text("container").empty() ? "host" : row.text("container")), text(name), text(row.text("exepath"))},
         change.of(row, "alerts") > 0});
  }
  return rows;
}

std::vector<Row> container_rows(const Interval& time, double all_events) {
  std::vector<Row> rows;
  const Change change(time.before.containers);
  for (const SampleRow& row : time.after.containers) {
    const double events = change.of(row, "events");
    std::string pod = row.text("pod");
    if (!row.text("namespace").empty()) pod = row.text("namespace") + "/" + pod;
    const bool host = row.key == "host";
    rows.push_back({{number(time.rate(events)), number(static_cast<double>(row.number("events"))),
                     number(100 * ratio(events, all_events)), number(static_cast<double>(row.number("alerts"))),
                     text(row.key), text(row.text("type")), text(host ? "(outside of containers)" : row.text("name")),
                     text(pod), text(row.text("image"))},
                    change.of(row, "alerts") > 0});
  }
  return rows;
}

std::vector<Row> type_rows(const Interval& time, double all_events) {
  std::vector<Row> rows;
  const Change change(time.before.types);
  for (const SampleRow& row : time.after.types) {
    const double events = change.of(row, "events");
    const uint64_t lost = time.after.losses.number(row.key);
    const double timed = change.of(row, "timed");
    const double each_ns =
        timed >= 16 ? change.of(row, "timed_ns") / timed
                    : ratio(static_cast<double>(row.number("timed_ns")), static_cast<double>(row.number("timed")));
    const auto lost_now = static_cast<double>(lost - std::min(lost, time.before.losses.number(row.key)));
    rows.push_back({{number(time.rate(events)), number(static_cast<double>(row.number("events"))),
                     number(100 * ratio(events, all_events)), number(each_ns),
                     number(time.percent_of_cpu(change.of(row, "cost_ns"))), number(time.rate(lost_now)),
                     number(static_cast<double>(lost)), text(row.key)},
                    lost_now > 0});
  }
  return rows;
}

void add_sums(Figures& figures, const Interval& time) {
  const SampleRow& before = time.before.all;
  const SampleRow& after = time.after.all;
  const auto change = [&](const std::string& name) {
    const uint64_t a = before.number(name), b = after.number(name);
    return static_cast<double>(b - std::min(a, b));
  };
  figures.events_per_s = time.rate(change("status.events"));
  figures.alerts_per_s = time.rate(change("status.alerts"));
  figures.lost_per_s = time.rate(change("status.lost.total"));
  figures.cpu_percent = time.percent_of_cpu(change("cpu_ns"));
  figures.decider_percent = time.percent_of_cpu(change("decider_cpu_ns"));
  const Change types(time.before.types);
  double timed = 0, timed_ns = 0, cost_ns = 0;
  for (const SampleRow& row : time.after.types) {
    timed += types.of(row, "timed");
    timed_ns += types.of(row, "timed_ns");
    cost_ns += types.of(row, "cost_ns");
  }
  figures.judging_ns = ratio(timed_ns, timed);
  figures.judging_percent = time.percent_of_cpu(cost_ns);
  for (const SampleRow& row : time.after.rings) {
    const auto size = static_cast<double>(row.number("size_bytes"));
    figures.rings.push_back({row.key, 100 * ratio(static_cast<double>(row.number("used_bytes")), size),
                             100 * ratio(static_cast<double>(row.number("peak_bytes")), size)});
  }
}

}  // namespace

const std::array<Shape, kViews>& shapes() {
  static const std::array<Shape, kViews> all = {{
      {"rules",
       "Rules",
       {{"alerts_per_s", "ALERTS/s", Unit::kRate, 9, 0, 8},
        {"alerts", "ALERTS", Unit::kCount, 9, 0, 7},
        {"tried_per_s", "TRIED/s", Unit::kRate, 9, 0, 7},
        {"ns_per_try", "EACH", Unit::kNs, 7, 0, 5},
        {"cpu_percent", "CPU %", Unit::kPercent, 6, 0, 5},
        {"priority", "PRIORITY", Unit::kText, 13, kWide},
        {"rule", "RULE", Unit::kText, 0, 0}},
       0,
       4},
      {"processes",
       "Processes",
       {{"events_per_s", "EVENTS/s", Unit::kRate, 9, 0},
        {"events", "EVENTS", Unit::kCount, 10, kWide},
        {"percent", "%", Unit::kPercent, 5, 0},
        {"alerts", "ALERTS", Unit::kCount, 7, 0},
        {"pid", "PID", Unit::kId, 7, 0},
        {"container", "CONTAINER", Unit::kText, 12, 0},
        {"process", "PROCESS", Unit::kText, 15, 0},
        {"program", "PROGRAM", Unit::kPath, 0, 0}},
       0,
       1},
      {"containers",
       "Containers",
       {{"events_per_s", "EVENTS/s", Unit::kRate, 9, 0},
        {"events", "EVENTS", Unit::kCount, 10, kWide},
        {"percent", "%", Unit::kPercent, 5, 0},
        {"alerts", "ALERTS", Unit::kCount, 7, 0},
        {"container", "CONTAINER", Unit::kText, 12, 0},
        {"type", "RUNTIME", Unit::kText, 10, 120},
        {"name", "NAME", Unit::kText, 23, 0},
        {"pod", "POD", Unit::kText, 30, 140},
        {"image", "IMAGE", Unit::kPath, 0, 0}},
       0,
       1},
      {"types",
       "Event types",
       {{"events_per_s", "EVENTS/s", Unit::kRate, 9, 0},
        {"events", "EVENTS", Unit::kCount, 10, 0},
        {"percent", "%", Unit::kPercent, 5, 0},
        {"ns_per_event", "EACH", Unit::kNs, 7, 0},
        {"cpu_percent", "CPU %", Unit::kPercent, 6, 0},
        {"lost_per_s", "LOST/s", Unit::kRate, 8, 0},
        {"lost", "LOST", Unit::kCount, 9, 0},
        {"event", "EVENT", Unit::kText, 0, 0}},
       0,
       1},
  }};
  return all;
}

std::optional<View> view_named(const std::string& name) {
  for (size_t n = 0; n < kViews; ++n)
    if (shapes()[n].name == name) return static_cast<View>(n);
  return std::nullopt;
}

void sort_rows(std::vector<Row>& rows, View view, size_t column, bool reversed) {
  const Shape& shape = shape_of(view);
  const size_t last = shape.columns.size() - 1;  // a name: so that equal rows do not change places
  const auto compare = [&](const Row& a, const Row& b, size_t by) {
    if (is_text(shape.columns[by].unit)) return a.values[by].text.compare(b.values[by].text);
    return a.values[by].number > b.values[by].number ? -1 : a.values[by].number < b.values[by].number ? 1 : 0;
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    if (const int order = compare(a, b, column); order != 0) return reversed ? order > 0 : order < 0;
    for (const size_t by : {shape.sort_first, shape.sort_second, last})
      if (const int order = compare(a, b, by); order != 0) return order < 0;
    return false;
  });
}

Figures figures_between(const Sample& before, const Sample& after) {
  Figures figures;
  const uint64_t ns = after.taken_ns() - std::min(after.taken_ns(), before.taken_ns());
  const Interval time{before, after, static_cast<double>(ns) / kNsPerS};
  figures.interval_s = time.s;
  figures.now = after.all;
  figures.troubles = after.troubles;
  figures.realtime_ns = std::strtoull(after.all.text("realtime_ns").c_str(), nullptr, 10);
  add_sums(figures, time);
  const auto all_events = static_cast<double>(after.all.number("events") -
                                              std::min(after.all.number("events"), before.all.number("events")));
  figures.tables = {rule_rows(time, figures), process_rows(time, all_events), container_rows(time, all_events),
                    type_rows(time, all_events)};
  for (size_t n = 0; n < kViews; ++n) sort_rows(figures.tables[n], static_cast<View>(n), shapes()[n].sort_first, false);
  return figures;
}

}  // namespace tiercel::top
