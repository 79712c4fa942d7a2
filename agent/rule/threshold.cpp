#include "agent/rule/threshold.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

namespace tiercel::rule {
namespace {

// Rings are merged by time, so an event is late by milliseconds at most. More than this is another clock.
constexpr uint64_t kClockWentBackNs = 60'000'000'000;

void write_raw(std::string& out, const void* data, size_t size) {
  out.append(static_cast<const char*>(data), size);
}

// So that different values are different texts; a missing one is a value of its own.
void write_value(std::string& out, const Value& v) {
  out += static_cast<char>(v.kind);
  switch (v.kind) {
    case ValueKind::kMissing:
      return;
    case ValueKind::kText:
    case ValueKind::kBytes: {
      const size_t size = v.view().size();
      write_raw(out, &size, sizeof size);
      out += v.view();
      return;
    }
    case ValueKind::kInt:
    case ValueKind::kUint:
      return write_raw(out, &v.u, sizeof v.u);
    case ValueKind::kDouble:
      return write_raw(out, &v.d, sizeof v.d);
    case ValueKind::kBool:
      out += v.b ? '1' : '0';
      return;
    case ValueKind::kIp4:
      return write_raw(out, v.ip.data(), 4);
    case ValueKind::kIp6:
      return write_raw(out, v.ip.data(), 16);
    case ValueKind::kList: {
      const size_t size = v.items().size();
      write_raw(out, &size, sizeof size);
      for (const Value& item : v.items()) write_value(out, item);
    }
  }
}

}  // namespace

std::string timespan_text(uint64_t ns) {
  const uint64_t ms = ns / 1'000'000;
  if (ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
  if (ms % 60'000 == 0) return fmt::format("{}m", ms / 60'000);
  if (ms % 1'000 == 0) return fmt::format("{}s", ms / 1'000);
  return fmt::format("{}ms", ms);
}

std::optional<uint64_t> parse_timespan(std::string_view text, uint64_t most_ns) {
  uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || number == 0) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  static constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};
  for (const auto& [name, ns] : kUnits)
    if (name == unit && number <= most_ns / ns) return number * ns;
  return std::nullopt;
}

std::string to_string(const Threshold& threshold) {
  std::string out = std::to_string(threshold.count);
  out += threshold.distinct.empty() ? " events" : " different " + threshold.distinct;
  for (size_t n = 0; n < threshold.group_by.size(); ++n) out += (n == 0 ? " for each " : ", ") + threshold.group_by[n];
  return out + " within " + timespan_text(threshold.timespan_ns);
}

// ---- Tally -------------------------------------------------------------------------------------------------------

void Tally::drop(Groups::iterator group) {
  marks_ -= group->marks.size();
  by_key_.erase(group->key);
  groups_.erase(group);
}

void Tally::drop_stale(uint64_t time_ns) {
  if (time_ns + kClockWentBackNs < latest_ns_ && time_ns + timespan_ns_ < latest_ns_) {
    groups_.clear();
    by_key_.clear();
    marks_ = 0;
    latest_ns_ = 0;
  }
  latest_ns_ = std::max(latest_ns_, time_ns);
  while (!groups_.empty() && groups_.front().marks.back().time_ns + timespan_ns_ < latest_ns_) drop(groups_.begin());
}

void Tally::drop_old_marks(Group& group) {
  const uint64_t newest_ns = group.marks.back().time_ns;
  auto first = std::find_if(group.marks.begin(), group.marks.end(),
                            [&](const Mark& mark) { return mark.time_ns + timespan_ns_ >= newest_ns; });
  marks_ -= static_cast<size_t>(first - group.marks.begin());
  group.marks.erase(group.marks.begin(), first);
}

void Tally::bound() {
  while (groups_.size() > 1 && (groups_.size() > limits_.groups || marks_ > limits_.marks)) {
    drop(groups_.begin());
    ++evicted_;
  }
}

Count Tally::add(uint64_t group_key, uint64_t value, bool distinct, uint64_t time_ns) {
  drop_stale(time_ns);
  auto [known, fresh] = by_key_.try_emplace(group_key, groups_.end());
  if (fresh) {
    known->second = groups_.insert(groups_.end(), Group{group_key, {}});
  } else {
    groups_.splice(groups_.end(), groups_, known->second);
  }
  Group& group = *known->second;
  auto old = distinct ? std::find_if(group.marks.begin(), group.marks.end(),
                                     [&](const Mark& mark) { return mark.value == value; })
                      : group.marks.end();
  if (old != group.marks.end()) {
    time_ns = std::max(time_ns, old->time_ns);
    group.marks.erase(old);
    --marks_;
  }
  const auto place = std::upper_bound(group.marks.begin(), group.marks.end(), time_ns,
                                      [](uint64_t time, const Mark& mark) { return time < mark.time_ns; });
  group.marks.insert(place, {time_ns, value});
  ++marks_;
  drop_old_marks(group);
  const auto have = static_cast<uint32_t>(group.marks.size());
  const Count out{.have = have, .need = count_, .fires = have >= count_};
  if (out.fires)
    drop(known->second);
  else
    bound();
  return out;
}

// ---- Tallies -----------------------------------------------------------------------------------------------------

Tallies::Tallies(const std::vector<Counting>& counting, Tally::Limits limits) {
  for (const Counting& one : counting) {
    tallies_.emplace_back(one.count, one.timespan_ns, limits);
    identities_.push_back(one.identity);
  }
}

Count Tallies::add(size_t index, const Counting& counting, const Program& program, Scratch& scratch,
                   const context::Event& event) {
  uint64_t value = 0;
  const bool distinct = counting.distinct != Counting::kNone;
  if (distinct) {
    const Value& v = scratch.operand(program, counting.distinct, event);
    if (v.missing()) return {.have = 0, .need = counting.count, .fires = false, .no_value = true};
    written_.clear();
    write_value(written_, v);
    value = hash_of_written();
  }
  written_.clear();
  for (uint32_t operand : counting.group_by) write_value(written_, scratch.operand(program, operand, event));
  Tally& tally = tallies_[index];
  const uint64_t before = tally.evicted();
  const Count out = tally.add(hash_of_written(), value, distinct, event.head().time_ns);
  evicted_ += tally.evicted() - before;
  return out;
}

void Tallies::go_on_from(Tallies& before) {
  key_ = before.key_;
  for (size_t n = 0; n < tallies_.size(); ++n) {
    const auto same = std::find(before.identities_.begin(), before.identities_.end(), identities_[n]);
    if (same == before.identities_.end()) continue;
    std::swap(tallies_[n], before.tallies_[static_cast<size_t>(same - before.identities_.begin())]);
  }
  evicted_ += before.take_evicted();
}

uint64_t Tallies::take_evicted() {
  return std::exchange(evicted_, 0);
}

}  // namespace tiercel::rule
