#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "siem/spool.h"

namespace tiercel::siem {
namespace {

using alert::AlertPtr;
using alert::Lane;

constexpr size_t kPriorities = 8;

// One alert, held by every reader that has not confirmed it. Counted once, however many hold it.
struct Stored {
  uint64_t seq = 0;
  AlertPtr alert;
  size_t size_bytes = 0;
  size_t holders = 0;
  bool lost = false;  // some reader was refused it
};
using StoredPtr = std::shared_ptr<Stored>;

size_t size_of(const alert::Alert& alert) {
  size_t size_bytes = sizeof(alert::Alert) + sizeof(Stored) + alert.id.size() + alert.rule.size() +
                      alert.source.size() + alert.message.size() + alert.process.size() + alert.container.size() +
                      alert.technique.size() + alert.text_line.size() + alert.falco_json.size() +
                      alert.event_json.size();
  for (const std::string& tag : alert.tags) size_bytes += sizeof(std::string) + tag.size();
  return size_bytes;
}

// A lane is the queues of its priorities, side by side.
std::pair<size_t, size_t> priorities_of(Lane lane) {
  constexpr size_t kFirstRest = static_cast<size_t>(alert::Priority::kCritical) + 1;
  return lane == Lane::kCritical ? std::pair<size_t, size_t>{0, kFirstRest}
                                 : std::pair<size_t, size_t>{kFirstRest, kPriorities};
}

// Every reader has queues of its own, one per priority, each in order of seq. So the oldest row of the least severe
// priority is the front of a queue; a lane is read by merging its queues; and a reader that hangs fills, and then
// loses from, its own queues only.
struct Reader {
  std::string name;
  std::array<std::deque<StoredPtr>, kPriorities> queues;
  std::array<uint64_t, 2> cursors{};
  size_t size_bytes = 0;
  Counter* lost = nullptr;
  bool takes_routine = true;

  [[nodiscard]] bool takes(const alert::Alert& alert) const { return takes_routine || !alert.routine; }
};

class MemorySpool final : public Spool {
 public:
  MemorySpool(MemorySpoolLimits limits, Metrics& metrics) : limits_(limits), metrics_(metrics) {}

  void append(AlertPtr alert) override;
  ReaderId add_reader(const std::string& name, std::function<void()> wake, bool takes_routine) override;
  std::vector<Row> read(ReaderId reader, Lane lane, uint64_t after_seq, size_t most) override;
  void confirm(ReaderId reader, Lane lane, uint64_t seq) override;
  [[nodiscard]] uint64_t cursor(ReaderId reader, Lane lane) const override;
  [[nodiscard]] Counts counts() const override;
  [[nodiscard]] std::vector<Waiting> waiting() const override;

 private:
  using Wakes = std::vector<std::function<void()>>;
  void evict_one(std::vector<StoredPtr>& doomed);
  void drop_front(Reader& reader, std::deque<StoredPtr>& queue, std::vector<StoredPtr>& doomed);
  void count_loss(Reader& reader, Stored& stored);

  const MemorySpoolLimits limits_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::deque<Reader> readers_;
  std::shared_ptr<const Wakes> wakes_ = std::make_shared<Wakes>();
  std::unordered_map<std::string, Counter*> lost_by_rule_;
  uint64_t last_seq_ = 0;
  uint64_t rows_ = 0;
  uint64_t size_bytes_ = 0;
  uint64_t lost_ = 0;
};

void MemorySpool::append(AlertPtr alert) {
  auto stored = std::make_shared<Stored>();
  stored->size_bytes = size_of(*alert);
  stored->alert = std::move(alert);
  std::vector<StoredPtr> doomed;  // freed after the lock is
  std::shared_ptr<const Wakes> wakes;
  {
    std::lock_guard lock(mutex_);
    stored->seq = ++last_seq_;
    wakes = wakes_;
    stored->holders = static_cast<size_t>(std::count_if(
        readers_.begin(), readers_.end(), [&](const Reader& reader) { return reader.takes(*stored->alert); }));
    if (stored->holders == 0) return;
    for (Reader& reader : readers_) {
      if (!reader.takes(*stored->alert)) continue;
      reader.queues[static_cast<size_t>(stored->alert->priority)].push_back(stored);
      reader.size_bytes += stored->size_bytes;
    }
    ++rows_;
    size_bytes_ += stored->size_bytes;
    while (rows_ > limits_.rows_max || size_bytes_ > limits_.size_bytes_max) evict_one(doomed);
  }
  for (const auto& wake : *wakes)
    if (wake) wake();
}

// Takes a row from the reader that holds most. A row goes from memory when the last reader that held it is done.
void MemorySpool::evict_one(std::vector<StoredPtr>& doomed) {
  Reader& reader = *std::max_element(readers_.begin(), readers_.end(),
                                     [](const Reader& a, const Reader& b) { return a.size_bytes < b.size_bytes; });
  for (size_t priority = kPriorities; priority-- > 0;) {
    std::deque<StoredPtr>& queue = reader.queues[priority];
    if (queue.empty()) continue;
    count_loss(reader, *queue.front());
    drop_front(reader, queue, doomed);
    return;
  }
}

void MemorySpool::count_loss(Reader& reader, Stored& stored) {
  reader.lost->add();
  if (std::exchange(stored.lost, true)) return;
  ++lost_;
  Counter*& counter = lost_by_rule_[stored.alert->rule];
  if (counter == nullptr)
    counter = &metrics_.counter("tiercel_spool_lost_total",
                                "Alerts removed by the spool's limit before every output had confirmed them, by rule",
                                stored.alert->rule);
  counter->add();
}

void MemorySpool::drop_front(Reader& reader, std::deque<StoredPtr>& queue, std::vector<StoredPtr>& doomed) {
  StoredPtr stored = std::move(queue.front());
  queue.pop_front();
  reader.size_bytes -= stored->size_bytes;
  if (--stored->holders > 0) return;
  --rows_;
  size_bytes_ -= stored->size_bytes;
  doomed.push_back(std::move(stored));
}

Spool::ReaderId MemorySpool::add_reader(const std::string& name, std::function<void()> wake, bool takes_routine) {
  std::lock_guard lock(mutex_);
  Reader& reader = readers_.emplace_back();
  reader.name = name;
  reader.takes_routine = takes_routine;
  reader.lost = &metrics_.counter("tiercel_spool_output_lost_total",
                                  "Alerts removed by the spool's limit before this output had confirmed them", name);
  auto wakes = std::make_shared<Wakes>(*wakes_);
  wakes->push_back(std::move(wake));
  wakes_ = std::move(wakes);
  return readers_.size() - 1;
}

std::vector<Row> MemorySpool::read(ReaderId id, Lane lane, uint64_t after_seq, size_t most) {
  std::vector<Row> rows;
  std::lock_guard lock(mutex_);
  const Reader& reader = readers_.at(id);
  const auto [begin, end] = priorities_of(lane);
  using Place = std::deque<StoredPtr>::const_iterator;
  std::array<std::pair<Place, Place>, kPriorities> places;
  for (size_t priority = begin; priority < end; ++priority) {
    const std::deque<StoredPtr>& queue = reader.queues[priority];
    places[priority] = {std::upper_bound(queue.begin(), queue.end(), after_seq,
                                         [](uint64_t seq, const StoredPtr& stored) { return seq < stored->seq; }),
                        queue.end()};
  }
  while (rows.size() < most) {
    std::pair<Place, Place>* next = nullptr;
    for (size_t priority = begin; priority < end; ++priority) {
      auto& place = places[priority];
      if (place.first == place.second) continue;
      if (next == nullptr || (*place.first)->seq < (*next->first)->seq) next = &place;
    }
    if (next == nullptr) break;
    rows.push_back({(*next->first)->seq, (*next->first)->alert});
    ++next->first;
  }
  return rows;
}

void MemorySpool::confirm(ReaderId id, Lane lane, uint64_t seq) {
  std::vector<StoredPtr> doomed;
  std::lock_guard lock(mutex_);
  Reader& reader = readers_.at(id);
  uint64_t& cursor = reader.cursors[static_cast<size_t>(lane)];
  cursor = std::max(cursor, std::min(seq, last_seq_));
  const auto [begin, end] = priorities_of(lane);
  for (size_t priority = begin; priority < end; ++priority) {
    std::deque<StoredPtr>& queue = reader.queues[priority];
    while (!queue.empty() && queue.front()->seq <= seq) drop_front(reader, queue, doomed);
  }
}

uint64_t MemorySpool::cursor(ReaderId id, Lane lane) const {
  std::lock_guard lock(mutex_);
  return readers_.at(id).cursors[static_cast<size_t>(lane)];
}

Spool::Counts MemorySpool::counts() const {
  std::lock_guard lock(mutex_);
  return {last_seq_, rows_, lost_};
}

std::vector<Spool::Waiting> MemorySpool::waiting() const {
  std::lock_guard lock(mutex_);
  std::vector<Waiting> out;
  for (const Reader& reader : readers_) {
    Waiting& entry = out.emplace_back(Waiting{reader.name, 0});
    for (const auto& queue : reader.queues) entry.rows += queue.size();
  }
  return out;
}

}  // namespace

std::unique_ptr<Spool> make_memory_spool(MemorySpoolLimits limits, Metrics& metrics) {
  return std::make_unique<MemorySpool>(limits, metrics);
}

}  // namespace tiercel::siem
