#include "siem/wazuh/delivery.h"

#include <algorithm>
#include <vector>

namespace tiercel::wazuh {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

uint64_t to_ns(int ms) {
  return static_cast<uint64_t>(ms) * kNsPerMs;
}

}  // namespace

Delivery::Delivery(DeliveryOptions options, const Clock& clock)
    : options_(options),
      clock_(clock),
      window_(std::min(kWindowFirst, options.unconfirmed_max)),
      confirm_age_ns_(to_ns(options.confirm_age_ms)) {}

size_t Delivery::room(alert::Lane lane) const {
  const size_t kept = lane == alert::Lane::kCritical ? 0 : options_.unconfirmed_max / 16;
  const size_t most = options_.unconfirmed_max - kept;
  const size_t in_all = most - std::min(unconfirmed_, most);
  const size_t under_way = rows_sent_ - rows_answered_;
  const size_t window = lane == alert::Lane::kCritical ? window_ : window_ - window_ / 16;
  return std::min(in_all, window - std::min(under_way, window));
}

bool Delivery::sent(alert::Lane lane, uint64_t seq) {
  LaneState& state = lanes_[index(lane)];
  state.rows.push_back({seq, pings_, false});
  state.last_sent = seq;
  ++unconfirmed_;
  ++rows_since_ping_;
  ++rows_sent_;
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
  const bool wanted = answered_ < needed_ || took_ns_.size() < kAnswersToJudge;
  return unconfirmed_ > 0 && wanted && !receiving_file && pings_ - answered_ < kOpenPingsMax;
}

bool Delivery::ping_due(bool receiving_file) const {
  return ping_wanted(receiving_file) && clock_.monotonic_ns() >= next_ping_ns();
}

uint64_t Delivery::next_ping_ns() const {
  if (rows_since_ping_ >= window_ / 4) return last_ping_ns_;  // or nothing would make room again
  const bool often = rows_since_ping_ >= kRowsPerPing || took_ns_.size() < kAnswersToJudge;
  return last_ping_ns_ +
         to_ns(often ? std::min(options_.ping_interval_ms, options_.ping_interval_ms_min) : options_.ping_interval_ms);
}

void Delivery::ping_sent() {
  last_ping_ns_ = clock_.monotonic_ns();
  if (waiting_since_ns_ == 0) waiting_since_ns_ = last_ping_ns_;
  ++pings_;
  rows_since_ping_ = 0;
  open_pings_.push_back({last_ping_ns_, rows_sent_});
}

void Delivery::pongs_received(uint64_t count) {
  const uint64_t now_ns = clock_.monotonic_ns();
  for (count = std::min(count, pings_ - answered_); count > 0; --count) {
    ++answered_;
    answers_.push_back(now_ns);
    note_answer(now_ns - open_pings_.front().sent_ns);
    adapt_window(now_ns - open_pings_.front().sent_ns);
    rows_answered_ = open_pings_.front().rows_before;
    open_pings_.pop_front();
    waiting_since_ns_ = pings_ > answered_ && unconfirmed_ > 0 ? now_ns : 0;
  }
}

void Delivery::adapt_window(uint64_t took_ns) {
  const bool was_full = open_pings_.front().rows_before - rows_answered_ >= window_ / 4;
  if (took_ns <= kQuickNs && was_full) {
    window_ = std::min(window_ + window_ / 2, options_.unconfirmed_max);
  } else if (took_ns >= kSlowNs && answered_ > halved_at_ping_) {
    window_ = std::max(window_ / 2, std::min(kWindowLeast, options_.unconfirmed_max));
    halved_at_ping_ = pings_;
  }
}

void Delivery::note_answer(uint64_t took_ns) {
  took_ns_.push_back(took_ns);
  if (took_ns_.size() > kAnswersKept) took_ns_.pop_front();
  if (took_ns_.size() < kAnswersToJudge) return;
  std::vector<uint64_t> sorted(took_ns_.begin(), took_ns_.end());
  const auto judge = sorted.end() - 1 - static_cast<std::ptrdiff_t>(sorted.size() / 50);
  std::nth_element(sorted.begin(), judge, sorted.end());
  const uint64_t most_ns = to_ns(options_.confirm_age_ms);
  confirm_age_ns_ = std::clamp(kAgePerAnswer * *judge, std::min(to_ns(options_.confirm_age_ms_min), most_ns), most_ns);
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
  return first && clock_.monotonic_ns() >= *first + confirm_age_ns();
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
  if (ping_wanted(receiving_file)) next_ns = next_ping_ns();
  if (waiting_since_ns_ != 0) next_ns = std::min(next_ns, waiting_since_ns_ + to_ns(options_.answer_timeout_ms));
  for (const LaneState& state : lanes_) {
    if (state.rows.empty() || state.rows.front().passed_by) continue;
    const SentRow& row = state.rows.front();
    const std::optional<uint64_t> first = answered_ns(row.pings_before + 1);
    if (first && answered_ >= row.pings_before + kBarriers) next_ns = std::min(next_ns, *first + confirm_age_ns());
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
  open_pings_.clear();
  rows_since_ping_ = rows_sent_ = rows_answered_ = halved_at_ping_ = 0;
  window_ =
      std::min(window_, std::min(kWindowFirst, options_.unconfirmed_max));  // a manager that is back has others too
}

}  // namespace tiercel::wazuh
