#include "agent/base/metrics.h"

namespace tiercel {

Counter& Metrics::counter(const std::string& name, const std::string& help, const std::string& label) {
  std::lock_guard lock(mutex_);
  for (Entry& entry : entries_)
    if (entry.name == name && entry.label == label) return entry.counter;
  Entry& made = entries_.emplace_back();
  made.name = name;
  made.help = help;
  made.label = label;
  return made.counter;
}

void Metrics::each(
    const std::function<void(const std::string&, const std::string&, const std::string&, uint64_t)>& visit) const {
  std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_) visit(entry.name, entry.help, entry.label, entry.counter.value());
}

uint64_t Metrics::sum(const std::string& name) const {
  std::lock_guard lock(mutex_);
  uint64_t total = 0;
  for (const Entry& entry : entries_)
    if (entry.name == name) total += entry.counter.value();
  return total;
}

}  // namespace tiercel
