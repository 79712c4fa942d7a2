// Delivery: what was sent and is not known to have arrived yet, as a state machine without a socket. The protocol has
// no acknowledgement for an event. What there is: a manager answers "#ping" with "#pong" on the same stream, from the
// workers that also take the events, so a pong says that what was sent before its ping has been read from the stream.
//
// The rule: a row is confirmed when two pings that were sent after it are answered, and the first of the answers has an
// age. A worker of the manager that holds a row may stall while others answer; the age is for that. It counts from the
// answer, not from our sending, because the stream itself may stall. How long workers stall shows in how late answers
// are: the age is kAgePerAnswer times the slowest of the last kAnswersKept answers but the slowest fiftieth of them,
// within confirm_age_ms_min and confirm_age_ms, and confirm_age_ms as long as there are few answers to judge by. (A
// fixed age of 5 s would leave 2,500 rows to be sent again after each broken connection at 500 a second; and single
// answers are late on any busy host, so that with them the age would be 5 s there as well.) After a lost connection
// everything unconfirmed is sent again.
//
// The window: a manager's queue drops silently what it has no room for, and answers pings all the same, so late answers
// are the only sign that it is too much. Of what no answer covers yet, window() rows may be on their way: it grows
// while answers come within kQuickNs, and is halved when one takes kSlowNs. So after an outage neither the manager's
// queue nor our own answers are buried under our rows. At most unconfirmed_max rows are sent and not confirmed.
//
// What that proves: the manager's receiver took the row. What it does not: that its queue, which drops silently when it
// is full, had room for it, or that a worker did not stall longer than the age before the manager was killed.
//
// A pong is credited to the oldest open ping. Pongs cannot be told apart and may overtake each other, and one may be
// lost; the credit errs on the safe side, for a later pong is as good for what is before an earlier ping.
//
// One thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "agent/alert/alert.h"
#include "agent/base/clock.h"

namespace tiercel::wazuh {

struct DeliveryOptions {
  size_t unconfirmed_max = 12'288;  // below a manager's queue of 16,384 by what other agents may have there
  int confirm_age_ms = 5'000;
  int confirm_age_ms_min = 200;
  int ping_interval_ms = 500;
  int ping_interval_ms_min = 100;  // where many rows are sent (kRowsPerPing)
  int answer_timeout_ms = 60'000;  // a manager that never answers is of no use
};

class Delivery {
 public:
  static constexpr uint64_t kBarriers = 2;
  static constexpr size_t kOpenPingsMax = 16;
  static constexpr uint64_t kRowsPerPing = 32;
  static constexpr uint64_t kAgePerAnswer = 3;
  static constexpr size_t kAnswersToJudge = 16;
  static constexpr size_t kAnswersKept = 128;
  static constexpr size_t kWindowFirst = 1'024;
  static constexpr size_t kWindowLeast = 256;
  static constexpr uint64_t kQuickNs = 100'000'000;
  static constexpr uint64_t kSlowNs = 250'000'000;

  Delivery(DeliveryOptions options, const Clock& clock);

  // How many rows of the lane may be sent now. A part is kept for the critical lane, so that a flood of the rest never
  // delays it.
  [[nodiscard]] size_t room(alert::Lane lane) const;
  // Rows of a lane come in order. A row that was passed by needs no proof, only its turn. True: sent before.
  bool sent(alert::Lane lane, uint64_t seq);
  void passed_by(alert::Lane lane, uint64_t seq);
  // The last row of the lane that was sent; 0: none since the last start_over(), read from the cursor.
  [[nodiscard]] uint64_t last_sent(alert::Lane lane) const { return lanes_[index(lane)].last_sent; }

  // A ping inside a pushed file would make it likely that its pong lands inside a half-sent frame.
  [[nodiscard]] bool ping_due(bool receiving_file) const;
  void ping_sent();
  void pongs_received(uint64_t count);
  [[nodiscard]] bool unanswered_too_long() const;

  // How far the cursor of the lane may go; nothing when there is no news.
  struct Confirmed {
    uint64_t seq = 0;
    uint64_t rows = 0;  // without those passed by
  };
  [[nodiscard]] std::optional<Confirmed> take_confirmed(alert::Lane lane);

  [[nodiscard]] size_t unconfirmed() const { return unconfirmed_; }
  [[nodiscard]] bool idle() const { return lanes_[0].rows.empty() && lanes_[1].rows.empty(); }
  // When to look again; UINT64_MAX: only after an event.
  [[nodiscard]] uint64_t next_tick_ns(bool receiving_file) const;

  [[nodiscard]] size_t window() const { return window_; }
  [[nodiscard]] uint64_t confirm_age_ns() const { return confirm_age_ns_; }

  // The connection is gone: everything unconfirmed will be read and sent again.
  void start_over();

 private:
  struct SentRow {
    uint64_t seq = 0;
    uint64_t pings_before = 0;
    bool passed_by = false;
  };
  struct LaneState {
    std::deque<SentRow> rows;
    uint64_t last_sent = 0;
    uint64_t highest_ever = 0;  // over all connections
  };
  static size_t index(alert::Lane lane) { return static_cast<size_t>(lane); }
  [[nodiscard]] bool ping_wanted(bool receiving_file) const;
  [[nodiscard]] bool is_confirmed(const SentRow& row) const;
  [[nodiscard]] std::optional<uint64_t> answered_ns(uint64_t ping) const;
  [[nodiscard]] uint64_t next_ping_ns() const;
  void note_answer(uint64_t took_ns);
  void adapt_window(uint64_t took_ns);

  DeliveryOptions options_;
  const Clock& clock_;
  std::array<LaneState, 2> lanes_;
  size_t unconfirmed_ = 0;
  // Pings are numbered from 1. answers_ holds the times of the answers first_answer_ ...: those that still matter.
  uint64_t pings_ = 0;
  uint64_t answered_ = 0;
  uint64_t last_ping_ns_ = 0;
  uint64_t needed_ = 0;            // the ping whose answer confirms everything sent so far
  uint64_t waiting_since_ns_ = 0;  // for any answer; 0: not waiting
  uint64_t first_answer_ = 1;
  std::deque<uint64_t> answers_;
  struct OpenPing {
    uint64_t sent_ns = 0;
    uint64_t rows_before = 0;  // of rows_sent_
  };
  std::deque<OpenPing> open_pings_;
  uint64_t rows_sent_ = 0, rows_answered_ = 0;  // on this connection
  size_t window_ = 0;
  uint64_t halved_at_ping_ = 0;  // answers of earlier ones say nothing new
  uint64_t rows_since_ping_ = 0;
  std::deque<uint64_t> took_ns_;  // by the last answers, over all connections
  uint64_t confirm_age_ns_ = 0;
};

}  // namespace tiercel::wazuh
