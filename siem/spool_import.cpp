#include "siem/spool_import.h"

#include <algorithm>
#include <utility>

namespace tiercel::siem {
namespace {

constexpr uint64_t kStepMax = 8;  // about the rows of a page
constexpr size_t kFailuresMax = 50'000;
constexpr uint64_t kGuessedRows = 200'000;  // of a table whose end cannot be read
constexpr size_t kAskedAtOnce = 4'096;

std::shared_ptr<SpoolFile> opened_as_far_as_possible(const std::string& path) {
  SpoolFile::mend_header(path);
  auto opened = SpoolFile::open(path);
  return opened ? std::move(*opened) : nullptr;
}

}  // namespace

Import::Import(const std::string& path, const Bounds& bounds) : Import(opened_as_far_as_possible(path), bounds) {}

Import::Import(std::shared_ptr<SpoolFile> open, const Bounds& bounds)
    : bounds_(bounds), file_(std::move(open)), whole_(file_ != nullptr), after_(bounds.after) {
  for (size_t lane = 0; lane < kLanes && file_; ++lane)
    rows_before_ += file_->count(static_cast<alert::Lane>(lane), 0, bounds.after[lane], true).value_or(0);
}

std::optional<std::vector<alert::AlertPtr>> Import::next(size_t most) {
  if (!file_) return std::nullopt;
  if (whole_) {
    auto alerts = next_of_lane(most);
    if (!alerts.empty()) return alerts;
    if (whole_) return std::nullopt;
  }
  for (; priority_ < kPriorities; ++priority_) {
    Table& table = tables_[priority_];
    if (!table.walked) {
      auto alerts = walk(table, most);
      table.walked = alerts.empty();
      if (!alerts.empty()) return alerts;
    }
    if (table.suspect && table.asked_to < table.last) return ask(table, most);
  }
  return std::nullopt;
}

std::vector<alert::AlertPtr> Import::take(std::vector<Row> rows) {
  std::vector<alert::AlertPtr> alerts;
  for (Row& row : rows) {
    const auto lane = static_cast<size_t>(alert::lane_of(row.alert->priority));
    if (row.seq <= bounds_.after[lane] || row.seq > bounds_.upto[lane]) continue;
    if (given_.insert(row.seq).second) alerts.push_back(std::move(row.alert));
  }
  rows_ += alerts.size();
  return alerts;
}

std::vector<alert::AlertPtr> Import::next_of_lane(size_t most) {
  for (; lane_ < kLanes; ++lane_) {
    SpoolFile::Notes notes;
    auto rows = file_->read(static_cast<alert::Lane>(lane_), after_[lane_], bounds_.upto[lane_], most, notes);
    if (!rows || notes.damaged > 0) whole_ = false;
    if (!rows) return {};
    if (notes.last_seq == 0) continue;
    after_[lane_] = notes.last_seq;
    return take(std::move(*rows));
  }
  return {};
}

void Import::begin(Table& table) const {
  const auto lane = static_cast<size_t>(alert::lane_of(static_cast<alert::Priority>(priority_)));
  table.begun = true;
  table.walked_to = table.asked_to = bounds_.after[lane];
  table.last = bounds_.upto[lane];
  if (table.last != UINT64_MAX) return;
  const uint64_t said = file_->last_seq();
  table.last = said > 0 ? said : table.walked_to + kGuessedRows;
}

// A page that cannot be read, or that says nonsense, hides its rows: the numbers behind it are tried, a few at a time,
// until one can be read again or the table ends.
std::vector<alert::AlertPtr> Import::walk(Table& table, size_t most) {
  if (!table.begun) begin(table);
  uint64_t step = 1, jumped = 1, singly_until = 0;
  for (size_t failures = 0; table.walked_to < table.last && failures < kFailuresMax;) {
    SpoolFile::Notes notes;
    auto rows = file_->salvage(priority_, table.walked_to, !table.suspect && table.walked_to > 0, most, notes);
    if (!rows) {
      table.suspect = true;
      ++failures;
      table.walked_to += jumped = step;
      step = table.walked_to < singly_until ? 1 : std::min(step * 2, kStepMax);
      continue;
    }
    if (jumped > 1) {  // perhaps it could be read some numbers earlier
      singly_until = table.walked_to;
      table.walked_to -= jumped - 1;
      step = jumped = 1;
      continue;
    }
    if (notes.damaged > 0) table.suspect = true;
    if (notes.last_seq == 0) break;
    table.walked_to = notes.last_seq;
    step = 1;
    if (auto alerts = take(std::move(*rows)); !alerts.empty()) return alerts;
  }
  return {};
}

// What a walk passed by: each number for itself, some at a time.
std::vector<alert::AlertPtr> Import::ask(Table& table, size_t most) {
  std::vector<Row> rows;
  for (size_t asked = 0; asked < kAskedAtOnce && rows.size() < most && table.asked_to < table.last; ++asked)
    if (const uint64_t seq = ++table.asked_to; given_.count(seq) == 0)
      if (auto row = file_->find(priority_, seq)) rows.push_back(std::move(*row));
  return take(std::move(rows));
}

}  // namespace tiercel::siem
