#include "agent/report/kept.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace tiercel::report {

void KeptRows::add(KeptRow row) {
  if (rows_max_ == 0) return;
  if (row.rule >= rules_.size()) rules_.resize(row.rule + 1);
  Rule& rule = rules_[row.rule];
  ++rows_;
  size_bytes_ += row.event_json.size();
  rule.size_bytes += row.event_json.size();
  rule.rows.push_back(std::move(row));
  while (rows_ > rows_max_) drop_one(false);
  while (size_bytes_ > size_bytes_max_ && rows_ > 1) drop_one(true);
}

void KeptRows::drop_one(bool for_bytes) {
  Rule& most = *std::max_element(rules_.begin(), rules_.end(), [&](const Rule& a, const Rule& b) {
    return for_bytes ? a.size_bytes < b.size_bytes : a.rows.size() < b.rows.size();
  });
  const auto goes = most.rows.size() > 2 ? std::next(most.rows.begin()) : most.rows.begin();
  --rows_;
  size_bytes_ -= goes->event_json.size();
  most.size_bytes -= goes->event_json.size();
  most.rows.erase(goes);
}

std::vector<KeptRow> KeptRows::take() {
  std::vector<KeptRow> out;
  out.reserve(rows_);
  for (Rule& rule : rules_) std::move(rule.rows.begin(), rule.rows.end(), std::back_inserter(out));
  std::sort(out.begin(), out.end(),
            [](const KeptRow& a, const KeptRow& b) { return std::tie(a.time_ns, a.seq) < std::tie(b.time_ns, b.seq); });
  rules_.clear();
  rows_ = size_bytes_ = 0;
  return out;
}

}  // namespace tiercel::report
