#include "siem/spool_import.h"

#include <algorithm>
#include <utility>

namespace tiercel::siem {
namespace {

constexpr uint64_t kStepMax = 8;  // about the rows of a page
constexpr size_t kFailuresMax = 50'000;
constexpr uint64_t kGuessedRows = 200'000;  // of a table whose end cannot be read

}  // namespace

Import::Import(std::string path, const Bounds& bounds) : path_(std::move(path)), bounds_(bounds), after_(bounds.after) {
  SpoolFile::mend_header(path_);
  auto opened = SpoolFile::open(path_);
  if (opened)
    file_ = std::move(*opened);
  else
    whole_ = false;
}

std::vector<alert::AlertPtr> Import::next(size_t most) {
  if (!file_) return {};
  if (whole_) {
    auto alerts = next_of_lane(most);
    if (!alerts.empty() || whole_) return alerts;
  }
  return next_of_damaged(most);
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

// Each priority's table for itself. A page that cannot be read hides its rows, so the numbers behind it are tried, a
// few at a time, until one can be read again or the table ends.
std::vector<alert::AlertPtr> Import::next_of_damaged(size_t most) {
  for (; priority_ < kPriorities; ++priority_, last_seq_ = 0) {
    SpoolFile::Notes notes;
    if (last_seq_ == 0) {
      const bool read = file_->salvage(priority_, 0, true, 1, notes).has_value() && notes.last_seq > 0;
      last_seq_ = read ? notes.last_seq : salvaged_to_[priority_] + kGuessedRows;
    }
    uint64_t& after = salvaged_to_[priority_];
    after =
        std::max(after, bounds_.after[static_cast<size_t>(alert::lane_of(static_cast<alert::Priority>(priority_)))]);
    uint64_t step = 1, jumped = 1, singly_until = 0;
    for (size_t failures = 0; after < last_seq_ && failures < kFailuresMax;) {
      notes = {};
      auto rows = file_->salvage(priority_, after, false, most, notes);
      if (!rows) {
        ++failures;
        after += jumped = step;
        step = after < singly_until ? 1 : std::min(step * 2, kStepMax);
        continue;
      }
      if (jumped > 1) {  // perhaps it could be read some numbers earlier
        singly_until = after;
        after -= jumped - 1;
        step = jumped = 1;
        continue;
      }
      if (notes.last_seq == 0) break;
      after = notes.last_seq;
      step = 1;
      if (auto alerts = take(std::move(*rows)); !alerts.empty()) return alerts;
    }
  }
  return {};
}

}  // namespace tiercel::siem
