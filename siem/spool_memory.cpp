#include "siem/spool_memory.h"

#include <algorithm>

namespace tiercel::siem {
namespace {

using alert::Alert;
using alert::Lane;

constexpr size_t kRulesMax = 1'000;  // of losses told apart

size_t size_of(const Alert& alert) {
  size_t size_bytes = sizeof(Alert) + alert.id.size() + alert.rule.size() + alert.source.size() + alert.message.size() +
                      alert.process.size() + alert.container.size() + alert.technique.size() + alert.text_line.size() +
                      alert.falco_json.size() + alert.event_json.size();
  for (const std::string& tag : alert.tags) size_bytes += sizeof(std::string) + tag.size();
  return size_bytes;
}

size_t lane_of_priority(size_t priority) {
  return static_cast<size_t>(alert::lane_of(static_cast<alert::Priority>(priority)));
}

}  // namespace

Spool::ReaderId SpoolMemory::add_reader(ReaderOptions options) {
  Reader& reader = readers_.emplace_back();
  reader.lost =
      &metrics_.counter("tiercel_spool_output_lost_total",
                        "Alerts removed by the spool's limits before this output had confirmed them", options.name);
  reader.options = std::move(options);
  reader.cursors = last_of_lane_;
  return readers_.size() - 1;
}

bool SpoolMemory::any_keeps_place() const {
  return std::any_of(readers_.begin(), readers_.end(), [](const Reader& reader) { return reader.options.keeps_place; });
}

uint8_t SpoolMemory::parts() const {
  uint8_t parts = 0;
  for (const Reader& reader : readers_) parts |= reader.options.parts;
  return parts;
}

void SpoolMemory::append(alert::AlertPtr alert, Doomed& doomed) {
  const auto priority = static_cast<size_t>(alert->priority);
  const size_t lane = lane_of_priority(priority);
  ++appended_;
  const uint64_t seq = ++last_seq_;
  bool wanted = false;
  for (Reader& reader : readers_) {
    if (reader.takes(*alert))
      wanted = true;
    else if (reader.cursors[lane] >= last_of_lane_[lane])
      reader.cursors[lane] = seq;  // nothing else waits for it: this one is passed by
  }
  last_of_lane_[lane] = seq;
  if (!wanted) return;
  const size_t size_bytes = size_of(*alert);
  queues_[priority].push_back({seq, std::move(alert), size_bytes});
  ++rows_;
  size_bytes_ += size_bytes;
  shrink(doomed);
}

void SpoolMemory::shrink(Doomed& doomed) {
  while (rows_ > limits_.rows_max || size_bytes_ > limits_.size_bytes_max)
    if (!drop_oldest_on_disk(doomed)) evict_one(doomed);
}

// Least of the readers' cursors, and the least but one: rows up to that one are held up by one reader alone.
std::pair<uint64_t, uint64_t> SpoolMemory::floors(Lane lane) const {
  uint64_t least = last_seq_, second = last_seq_;
  for (const Reader& reader : readers_) {
    const uint64_t cursor = std::min(reader.cursors[static_cast<size_t>(lane)], last_seq_);
    second = std::min(second, std::max(cursor, least));
    least = std::min(least, cursor);
  }
  return {least, readers_.size() > 1 ? second : least};
}

void SpoolMemory::pop(size_t priority, Doomed& doomed) {
  Queue& queue = queues_[priority];
  Entry& entry = queue.front();
  --rows_;
  size_bytes_ -= entry.size_bytes;
  uint64_t& left = left_to_[lane_of_priority(priority)];
  left = std::max(left, entry.seq);
  doomed.push_back(std::move(entry.alert));
  queue.pop_front();
}

bool SpoolMemory::drop_oldest_on_disk(Doomed& doomed) {
  size_t oldest = kPriorities;
  for (size_t p = 0; p < kPriorities; ++p)
    if (!queues_[p].empty() && is_on_disk(queues_[p].front()) &&
        (oldest == kPriorities || queues_[p].front().seq < queues_[oldest].front().seq))
      oldest = p;
  if (oldest == kPriorities) return false;
  pop(oldest, doomed);
  return true;
}

// Nothing here is on the disk.
void SpoolMemory::evict_one(Doomed& doomed) {
  for (const bool anybodys : {false, true})
    for (size_t p = kPriorities; p-- > 0;) {
      Queue& queue = queues_[p];
      if (queue.empty()) continue;
      if (!anybodys && queue.front().seq > others_to(static_cast<Lane>(lane_of_priority(p)))) continue;
      count_loss(p, queue.front());
      const uint64_t left = left_to_[lane_of_priority(p)];
      pop(p, doomed);
      left_to_[lane_of_priority(p)] = left;  // it went nowhere
      return;
    }
}

void SpoolMemory::count_loss(size_t priority, const Entry& entry) {
  bool missed = false;
  for (Reader& reader : readers_)
    if (reader.takes(*entry.alert) && reader.cursors[lane_of_priority(priority)] < entry.seq) {
      reader.lost->add();
      missed = true;
    }
  if (missed) add_losses({{entry.alert->rule, 1, entry.alert->time_ns, entry.alert->time_ns}});
}

void SpoolMemory::add_losses(const std::vector<SpoolFile::Loss>& losses) {
  for (const SpoolFile::Loss& loss : losses) {
    lost_ += loss.rows;
    count_rule(loss.rule, loss.rows);
    const std::string name = losses_.size() < kRulesMax ? loss.rule : "other rules";
    auto known = std::find_if(losses_.begin(), losses_.end(), [&](const SpoolFile::Loss& l) { return l.rule == name; });
    if (known == losses_.end()) {
      losses_.push_back({name, loss.rows, loss.from_ns, loss.to_ns});
      continue;
    }
    known->rows += loss.rows;
    known->from_ns = std::min(known->from_ns, loss.from_ns);
    known->to_ns = std::max(known->to_ns, loss.to_ns);
  }
}

void SpoolMemory::count_rule(const std::string& rule, uint64_t rows) {
  Counter*& counter = lost_by_rule_[rule];
  if (counter == nullptr)
    counter = &metrics_.counter("tiercel_spool_lost_total",
                                "Alerts removed by the spool's limits before every output had confirmed them, by rule",
                                {{"rule_name", rule}});
  counter->add(rows);
}

std::vector<Row> SpoolMemory::read(Spool::ReaderId id, Lane lane, uint64_t after, size_t most) const {
  std::vector<Row> rows;
  const Reader& reader = readers_.at(id);
  const auto [begin, end] = priorities_of(lane);
  using Place = Queue::const_iterator;
  std::array<std::pair<Place, Place>, kPriorities> places;
  for (size_t p = begin; p < end; ++p)
    places[p] = {std::upper_bound(queues_[p].begin(), queues_[p].end(), after,
                                  [](uint64_t seq, const Entry& entry) { return seq < entry.seq; }),
                 queues_[p].end()};
  while (rows.size() < most) {
    std::pair<Place, Place>* next = nullptr;
    for (size_t p = begin; p < end; ++p) {
      auto& place = places[p];
      if (place.first != place.second && (next == nullptr || place.first->seq < next->first->seq)) next = &place;
    }
    if (next == nullptr) break;
    if (reader.takes(*next->first->alert)) rows.push_back({next->first->seq, next->first->alert});
    ++next->first;
  }
  return rows;
}

void SpoolMemory::confirm(Spool::ReaderId id, Lane lane, uint64_t seq, Doomed& doomed) {
  Reader& reader = readers_.at(id);
  uint64_t& cursor = reader.cursors[static_cast<size_t>(lane)];
  cursor = std::max(cursor, std::min(seq, last_seq_));
  pass_untaken(reader, lane);
  const uint64_t done = done_to(lane);
  const auto [begin, end] = priorities_of(lane);
  for (size_t p = begin; p < end; ++p)
    while (!queues_[p].empty() && queues_[p].front().seq <= done) pop(p, doomed);
}

// Rows after the cursor that this reader is never given must not be held up by it.
void SpoolMemory::pass_untaken(Reader& reader, Lane lane) {
  uint64_t& cursor = reader.cursors[static_cast<size_t>(lane)];
  if (reader.options.takes_routine || cursor < left_memory_to(lane)) return;
  const auto [begin, end] = priorities_of(lane);
  uint64_t next = last_of_lane_[static_cast<size_t>(lane)] + 1;  // the first row that it takes
  for (size_t p = begin; p < end; ++p) {
    auto entry = std::upper_bound(queues_[p].begin(), queues_[p].end(), cursor,
                                  [](uint64_t seq, const Entry& each) { return seq < each.seq; });
    while (entry != queues_[p].end() && !reader.takes(*entry->alert)) ++entry;
    if (entry != queues_[p].end()) next = std::min(next, entry->seq);
  }
  cursor = std::max(cursor, next - 1);
}

uint64_t SpoolMemory::waiting(const Reader& reader, Lane lane) const {
  uint64_t rows = 0;
  const auto [begin, end] = priorities_of(lane);
  const uint64_t after = std::max(reader.cursors[static_cast<size_t>(lane)], left_memory_to(lane));
  for (size_t p = begin; p < end; ++p)
    for (auto entry = queues_[p].rbegin(); entry != queues_[p].rend() && entry->seq > after; ++entry)
      rows += reader.takes(*entry->alert) ? 1 : 0;
  return rows;
}

std::vector<SpoolFile::NewRow> SpoolMemory::not_on_disk(size_t most, uint64_t& upto) const {
  const auto first_of = [this](const Queue& queue) {
    return std::upper_bound(queue.begin(), queue.end(), on_disk_to_,
                            [](uint64_t seq, const Entry& each) { return seq < each.seq; });
  };
  upto = last_seq_;
  for (const Queue& queue : queues_)
    if (const auto first = first_of(queue); first != queue.end()) upto = std::min(upto, first->seq - 1 + most);
  std::vector<SpoolFile::NewRow> rows;
  for (size_t p = 0; p < kPriorities; ++p) {
    for (auto entry = first_of(queues_[p]); entry != queues_[p].end() && entry->seq <= upto; ++entry)
      rows.push_back({entry->seq, entry->alert});  // what every reader has confirmed is here no more
  }
  return rows;
}

void SpoolMemory::now_on_disk(uint64_t upto, Doomed& doomed) {
  on_disk_to_ = std::max(on_disk_to_, upto);
  while (size_bytes_ > limits_.kept_bytes_max && drop_oldest_on_disk(doomed)) {
  }
}

uint64_t SpoolMemory::rows_not_on_disk() const {
  uint64_t rows = 0;
  for (const Queue& queue : queues_)
    rows += static_cast<uint64_t>(queue.end() -
                                  std::upper_bound(queue.begin(), queue.end(), on_disk_to_,
                                                   [](uint64_t seq, const Entry& each) { return seq < each.seq; }));
  return rows;
}

void SpoolMemory::take_state(const SpoolFile::State& state) {
  begin_at(state.last_seq);
  for (Reader& reader : readers_) {
    if (!reader.options.keeps_place) continue;
    for (const SpoolFile::Place& place : state.places)
      if (place.reader == reader.options.name) reader.cursors = place.cursors;
  }
}

void SpoolMemory::begin_at(uint64_t seq) {
  last_seq_ = on_disk_to_ = seq;
  left_to_ = last_of_lane_ = {seq, seq};
  for (Reader& reader : readers_) reader.cursors = last_of_lane_;
}

void SpoolMemory::nothing_on_disk() {
  on_disk_to_ = 0;
  left_to_ = {};
}

void SpoolMemory::lost_on_disk(const SpoolFile::Done& done, Doomed& doomed) {
  for (size_t lane = 0; lane < kLanes; ++lane)
    for (Reader& reader : readers_)
      reader.lost->add(static_cast<uint64_t>(std::count_if(done.lost[lane].begin(), done.lost[lane].end(),
                                                           [&](uint64_t seq) { return seq > reader.cursors[lane]; })));
  for (size_t p = 0; p < kPriorities; ++p)
    while (!queues_[p].empty() && queues_[p].front().seq <= done.lost_to[p]) pop(p, doomed);
  add_losses(done.losses);
}

}  // namespace tiercel::siem
