#include "siem/wazuh/delivery.h"

#include <algorithm>

namespace tiercel::wazuh {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

uint64_t to_ns(int ms) {
  return static_cast<uint64_t>(ms) * kNsPerMs;
}

}  // namespace

Delivery::Delivery(DeliveryOptions options, const Clock& clock) : options_(options), clock_(clock) {}

size_t Delivery::room(alert::Lane lane) const {
  const size_t kept = lane == alert::Lane::kCritical ? 0 : options_.unconfirmed_max / 16;
  const size_t most = options_.unconfirmed_max - kept;
  return most - std::min(unconfirmed_, most);
}

bool Delivery::sent(alert::Lane lane, uint64_t seq) {
  LaneState& state = lanes_[index(lane)];
  state.rows.push_back({seq, pings_, false});
  state.last_sent = seq;
  ++unconfirmed_;
  needed_ = pings_ + kBarriers;
  const bool again = seq <= state.highest_ever;
  state.highest_ever = std::max(state.highest_ever, seq);
  return again;
}

void Delivery::passed_by(alert::Lane lane, uint64_t seq) {
  LaneState& state = lanes_[index(lane)];
  // One mark is enough for a run of rows that nobody wants.
  if (!state.rows.empty() && state.rows.back().passed_by)
    state.rows.back().seq = seq;
  else
    state.rows.push_back({seq, 0, true});
  state.last_sent = seq;
}

// Until the answers suffice, and not only until the pings do: an answer may be lost.
bool Delivery::ping_wanted(bool receiving_file) const {
  return unconfirmed_ > 0 && answered_ < needed_ && !receiving_file && pings_ - answered_ < kOpenPingsMax;
}

bool Delivery::ping_due(bool receiving_file) const {
  return ping_wanted(receiving_file) && clock_.monotonic_ns() >= last_ping_ns_ + to_ns(options_.ping_interval_ms);
}

void Delivery::ping_sent() {
  last_ping_ns_ = clock_.monotonic_ns();
  if (waiting_since_ns_ == 0) waiting_since_ns_ = last_ping_ns_;
  ++pings_;
}

void Delivery::pongs_received(uint64_t count) {
  const uint64_t now_ns = clock_.monotonic_ns();
  for (count = std::min(count, pings_ - answered_); count > 0; --count) {
    ++answered_;
    answers_.push_back(now_ns);
    waiting_since_ns_ = pings_ > answered_ && unconfirmed_ > 0 ? now_ns : 0;
  }
}

bool Delivery::unanswered_too_long() const {
  return waiting_since_ns_ != 0 && clock_.monotonic_ns() >= waiting_since_ns_ + to_ns(options_.answer_timeout_ms);
}

std::optional<uint64_t> Delivery::answered_ns(uint64_t ping) const {
  if (ping < first_answer_ || ping > answered_) return std::nullopt;
  return answers_[ping - first_answer_];
}

bool Delivery::is_confirmed(const SentRow& row) const {
  if (row.passed_by) return true;
  if (answered_ < row.pings_before + kBarriers) return false;
  const std::optional<uint64_t> first = answered_ns(row.pings_before + 1);
  return first && clock_.monotonic_ns() >= *first + to_ns(options_.confirm_age_ms);
}

std::optional<Delivery::Confirmed> Delivery::take_confirmed(alert::Lane lane) {
  LaneState& state = lanes_[index(lane)];
  Confirmed confirmed;
  while (!state.rows.empty() && is_confirmed(state.rows.front())) {
    confirmed.seq = state.rows.front().seq;
    if (!state.rows.front().passed_by) {
      ++confirmed.rows;
      --unconfirmed_;
    }
    state.rows.pop_front();
  }
  // Answers before the oldest row's first barrier are of no use any more.
  uint64_t oldest = answered_ + 1;
  for (const LaneState& each : lanes_)
    for (const SentRow& row : each.rows) {
      if (row.passed_by) continue;
      oldest = std::min(oldest, row.pings_before + 1);
      break;
    }
  for (; first_answer_ < oldest && !answers_.empty(); ++first_answer_) answers_.pop_front();
  if (unconfirmed_ == 0) waiting_since_ns_ = 0;
  if (confirmed.seq == 0) return std::nullopt;
  return confirmed;
}

uint64_t Delivery::next_tick_ns(bool receiving_file) const {
  uint64_t next_ns = UINT64_MAX;
  if (ping_wanted(receiving_file)) next_ns = last_ping_ns_ + to_ns(options_.ping_interval_ms);
  if (waiting_since_ns_ != 0) next_ns = std::min(next_ns, waiting_since_ns_ + to_ns(options_.answer_timeout_ms));
  for (const LaneState& state : lanes_) {
    if (state.rows.empty() || state.rows.front().passed_by) continue;
    const SentRow& row = state.rows.front();
    const std::optional<uint64_t> first = answered_ns(row.pings_before + 1);
    if (first && answered_ >= row.pings_before + kBarriers)
      next_ns = std::min(next_ns, *first + to_ns(options_.confirm_age_ms));
  }
  return next_ns;
}

void Delivery::start_over() {
  for (LaneState& state : lanes_) {
    state.rows.clear();
    state.last_sent = 0;
  }
  unconfirmed_ = 0;
  pings_ = answered_ = 0;
  last_ping_ns_ = needed_ = waiting_since_ns_ = 0;
  first_answer_ = 1;
  answers_.clear();
}

}  // namespace tiercel::wazuh
