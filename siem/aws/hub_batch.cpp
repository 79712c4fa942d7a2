#include "siem/aws/hub_batch.h"

#include <algorithm>

namespace tiercel::aws {
namespace {

constexpr size_t kPastMax = 10'000;

bool is_urgent(const Finding& finding) {
  return alert::lane_of(finding.priority) == alert::Lane::kCritical;
}

}  // namespace

void Batch::add(siem::RowId row, Finding finding, uint64_t now_ns) {
  if (Entry* entry = find(finding.id)) {
    urgent_ -= is_urgent(entry->finding) ? 1 : 0;
    add_repeat(entry->finding, std::move(finding));
    urgent_ += is_urgent(entry->finding) ? 1 : 0;
    entry->rows.push_back(row);
    return;
  }
  urgent_ += is_urgent(finding) ? 1 : 0;
  entries_.push_back({std::move(finding), {row}, now_ns, 0});
  by_id_[entries_.back().finding.id] = std::prev(entries_.end());
}

Finding Batch::whole(const Entry& entry, bool& known) const {
  Finding finding = entry.finding;
  const auto past = past_.find(finding.id);
  known = past != past_.end();
  if (known) {
    finding.first_ns = std::min(finding.first_ns, past->second.first_ns);
    finding.count += past->second.count;
  }
  return finding;
}

Batch::Entry* Batch::find(const std::string& id) {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &*it->second;
}

void Batch::remove(const std::string& id, bool brought, std::vector<siem::RowId>& rows) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  const Entries::iterator entry = it->second;
  rows.insert(rows.end(), entry->rows.begin(), entry->rows.end());
  urgent_ -= is_urgent(entry->finding) ? 1 : 0;
  if (brought) remember(entry->finding);
  by_id_.erase(it);
  entries_.erase(entry);
}

void Batch::put_last(const std::string& id) {
  if (const auto it = by_id_.find(id); it != by_id_.end()) entries_.splice(entries_.end(), entries_, it->second);
}

void Batch::remember(const Finding& finding) {
  const auto [it, fresh] = past_.try_emplace(finding.id);
  Past& past = it->second;
  past.first_ns = fresh ? finding.first_ns : std::min(past.first_ns, finding.first_ns);
  past.count += finding.count;
  if (!fresh) ages_.erase(past.age);
  ages_.push_front(finding.id);
  past.age = ages_.begin();
  if (past_.size() <= kPastMax) return;
  past_.erase(ages_.back());
  ages_.pop_back();
}

}  // namespace tiercel::aws
