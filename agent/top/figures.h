// Figures: what `tiercel top` shows: the difference of two samples as rates and shares, in tables that every reader
// (screen, plain text, JSON) takes from the same rows. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/top/sample.h"

namespace tiercel::top {

enum class Unit { kText, kPath, kId, kCount, kRate, kPercent, kNs };  // kPath: its end says most
[[nodiscard]] inline bool is_text(Unit unit) {
  return unit == Unit::kText || unit == Unit::kPath;
}

inline constexpr size_t kWide = 100;  // columns

struct Column {
  const char* key;    // in JSON
  const char* title;  // for people
  Unit unit;
  size_t width;       // 0: what is left of the line
  size_t from;        // only on terminals of at least so many columns
  size_t narrow = 0;  // its width on terminals of less than kWide columns; 0: the same
};

struct Value {
  double number = 0;
  std::string text;
};

struct Row {
  std::vector<Value> values;  // one a column
  bool alarm = false;
};

enum class View : size_t { kRules, kProcesses, kContainers, kTypes };
inline constexpr size_t kViews = 4;

// What does not change: the views' names and columns. Rows are in the order of the column `sort_first`.
struct Shape {
  const char* name;   // in JSON and on the command line
  const char* title;  // for people
  std::vector<Column> columns;
  size_t sort_first;
  size_t sort_second;  // where those are equal
};
[[nodiscard]] const std::array<Shape, kViews>& shapes();
[[nodiscard]] inline const Shape& shape_of(View view) {
  return shapes()[static_cast<size_t>(view)];
}
[[nodiscard]] std::optional<View> view_named(const std::string& name);

struct Ring {
  std::string name;
  double percent = 0, peak_percent = 0;
};

struct Figures {
  double interval_s = 0;
  uint64_t realtime_ns = 0;
  SampleRow now;  // totals of the later sample: see Sample::all
  double events_per_s = 0, alerts_per_s = 0, lost_per_s = 0;
  double cpu_percent = 0, decider_percent = 0;  // of one CPU
  double judging_ns = 0, judging_percent = 0;   // of an event, by the timed ones; of one CPU
  std::vector<Ring> rings;
  std::vector<std::string> troubles;  // what stands at present, for people
  std::array<std::vector<Row>, kViews> tables;

  [[nodiscard]] const std::vector<Row>& table(View view) const { return tables[static_cast<size_t>(view)]; }
};

[[nodiscard]] Figures figures_between(const Sample& before, const Sample& after);
// By one column, numbers most first and texts by the alphabet; `reversed`: the other way round.
void sort_rows(std::vector<Row>& rows, View view, size_t column, bool reversed);

}  // namespace tiercel::top
