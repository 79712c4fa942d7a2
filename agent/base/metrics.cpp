#include "agent/base/metrics.h"

#include <algorithm>
#include <utility>

namespace tiercel {

Labels::Labels(std::string output) {
  if (!output.empty()) labels_.push_back({"output", std::move(output)});
}

std::string_view Labels::value(std::string_view key) const {
  for (const Label& label : labels_)
    if (label.key == key) return label.value;
  return {};
}

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Family& family = families_[name];
  if (family.help.empty()) family.help = help;
  const auto entry_of = [&](const Labels& wanted) {
    return std::find_if(family.entries.begin(), family.entries.end(),
                        [&](const Entry& entry) { return entry.labels == wanted; });
  };
  const auto make = [&](const Labels& made) -> Counter& {
    Entry& entry = family.entries.emplace_back();
    entry.labels = made;
    return entry.counter;
  };
  if (auto known = entry_of(labels); known != family.entries.end()) return known->counter;
  if (family.entries.size() < kLabelSetsMax) return make(labels);
  std::vector<Label> other = labels.all();
  for (Label& label : other) label.value = "other";
  const Labels rest(std::move(other));
  auto known = entry_of(rest);
  return known != family.entries.end() ? known->counter : make(rest);
}

void Metrics::each(
    const std::function<void(const std::string&, const std::string&, const Labels&, uint64_t)>& visit) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, family] : families_)
    for (const Entry& entry : family.entries) visit(name, family.help, entry.labels, entry.counter.value());
}

uint64_t Metrics::sum(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto family = families_.find(name);
  uint64_t total = 0;
  if (family != families_.end())
    for (const Entry& entry : family->second.entries) total += entry.counter.value();
  return total;
}

}  // namespace tiercel
