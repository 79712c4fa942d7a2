// When a row counts as delivered. A test plays the socket, the manager and the clock.
#include "siem/wazuh/delivery.h"

#include <doctest/doctest.h>

#include <random>

#include "agent/base/clock.h"

using namespace tiercel;
using namespace tiercel::wazuh;
using alert::Lane;

namespace {

uint64_t confirmed(Delivery& delivery, Lane lane) {
  const auto news = delivery.take_confirmed(lane);
  return news ? news->seq : 0;
}

void barrier(Delivery& delivery) {
  delivery.ping_sent();
  delivery.pongs_received(1);
}

}  // namespace

TEST_CASE("wazuh delivery: two answers and the age, not one of them alone") {
  FakeClock clock;
  Delivery delivery({}, clock);
  CHECK_FALSE(delivery.ping_due(false));
  CHECK_FALSE(delivery.sent(Lane::kRest, 7));
  CHECK(delivery.unconfirmed() == 1);
  CHECK(delivery.ping_due(false));
  CHECK_FALSE(delivery.ping_due(true));  // a shared file comes in

  barrier(delivery);
  clock.advance_ms(60'000);
  CHECK(confirmed(delivery, Lane::kRest) == 0);  // old, but one barrier

  delivery.sent(Lane::kRest, 8);
  barrier(delivery);  // the second for 7, the first for 8
  CHECK(confirmed(delivery, Lane::kRest) == 7);
  barrier(delivery);
  CHECK(confirmed(delivery, Lane::kRest) == 0);  // two barriers, but young
  clock.advance_ms(4'999);
  CHECK(confirmed(delivery, Lane::kRest) == 0);
  clock.advance_ms(1);
  const auto news = delivery.take_confirmed(Lane::kRest);
  REQUIRE(news.has_value());
  CHECK(news->seq == 8);
  CHECK(news->rows == 1);
  CHECK(delivery.unconfirmed() == 0);
  CHECK(delivery.idle());
  CHECK_FALSE(delivery.ping_due(false));
  CHECK(delivery.next_tick_ns(false) == UINT64_MAX);
}

TEST_CASE("wazuh delivery: a stream that stalls does not age its rows") {
  FakeClock clock;
  Delivery delivery({}, clock);
  delivery.sent(Lane::kCritical, 1);
  delivery.ping_sent();
  clock.advance_ms(30'000);  // nothing gets through
  delivery.ping_sent();
  delivery.pongs_received(2);
  CHECK(confirmed(delivery, Lane::kCritical) == 0);
  clock.advance_ms(5'000);
  CHECK(confirmed(delivery, Lane::kCritical) == 1);
}

TEST_CASE("wazuh delivery: pings that came before a row prove nothing for it") {
  FakeClock clock;
  Delivery delivery({}, clock);
  delivery.sent(Lane::kRest, 1);
  delivery.ping_sent();
  delivery.ping_sent();
  delivery.sent(Lane::kRest, 2);
  delivery.pongs_received(2);
  clock.advance_ms(5'000);
  CHECK(confirmed(delivery, Lane::kRest) == 1);
  CHECK(delivery.unconfirmed() == 1);
}

TEST_CASE("wazuh delivery: an answer that is lost costs a ping, not the row") {
  FakeClock clock;
  DeliveryOptions options;
  Delivery delivery(options, clock);
  delivery.sent(Lane::kRest, 1);
  delivery.ping_sent();  // its answer gets lost
  int pings = 1;
  for (int i = 0; i < 20 && delivery.unconfirmed() > 0; ++i) {
    clock.advance_ms(500);
    if (delivery.ping_due(false)) {
      barrier(delivery);
      ++pings;
    }
    static_cast<void>(delivery.take_confirmed(Lane::kRest));
  }
  CHECK(delivery.unconfirmed() == 0);
  CHECK(pings >= 3);  // the first age is judged by many
  // The open ping of long ago is no reason to give up.
  clock.advance_ms(3'600'000);
  CHECK_FALSE(delivery.unanswered_too_long());
  delivery.sent(Lane::kRest, 2);
  CHECK_FALSE(delivery.unanswered_too_long());
}

TEST_CASE("wazuh delivery: more answers than pings are worth nothing") {
  FakeClock clock;
  Delivery delivery({}, clock);
  delivery.sent(Lane::kRest, 1);
  delivery.pongs_received(100);
  clock.advance_ms(10'000);
  CHECK(confirmed(delivery, Lane::kRest) == 0);
  delivery.ping_sent();
  clock.advance_ms(10'000);
  CHECK(confirmed(delivery, Lane::kRest) == 0);
}

TEST_CASE("wazuh delivery: a manager that does not answer is given up after a minute") {
  FakeClock clock;
  Delivery delivery({}, clock);
  delivery.sent(Lane::kRest, 1);
  for (int i = 0; i < 119; ++i) {
    if (delivery.ping_due(false)) delivery.ping_sent();
    clock.advance_ms(500);
    CHECK_FALSE(delivery.unanswered_too_long());
  }
  clock.advance_ms(500);
  CHECK(delivery.unanswered_too_long());
}

TEST_CASE("wazuh delivery: the window, and what it keeps for the critical lane") {
  FakeClock clock;
  Delivery delivery({.unconfirmed_max = 4'096}, clock);
  uint64_t seq = 0;
  while (delivery.room(Lane::kRest) > 0) delivery.sent(Lane::kRest, ++seq);
  CHECK(delivery.unconfirmed() == 960);
  CHECK(delivery.room(Lane::kCritical) == 64);
  while (delivery.room(Lane::kCritical) > 0) delivery.sent(Lane::kCritical, ++seq);
  CHECK(delivery.unconfirmed() == 1'024);
  CHECK(delivery.room(Lane::kRest) == 0);
  CHECK(delivery.last_sent(Lane::kRest) == 960);
  CHECK(delivery.last_sent(Lane::kCritical) == 1'024);
  CHECK(delivery.ping_due(false));
  barrier(delivery);
  CHECK(delivery.window() == 1'536);
  for (int i = 0; i < 10; ++i) {
    while (delivery.room(Lane::kRest) > 0) delivery.sent(Lane::kRest, ++seq);
    barrier(delivery);
  }
  CHECK(delivery.window() == 3'456);       // what is not confirmed keeps it from growing
  CHECK(delivery.unconfirmed() == 3'840);  // all answered, none old enough
  CHECK(delivery.room(Lane::kRest) == 0);
  CHECK(delivery.room(Lane::kCritical) == 256);
}

TEST_CASE("wazuh delivery: answers that come late make the window small, quick ones make it grow again") {
  FakeClock clock;
  Delivery delivery({.confirm_age_ms = 0}, clock);
  uint64_t seq = 0;
  const auto round = [&](uint64_t answered_after_ms) {
    while (delivery.room(Lane::kRest) > 0) delivery.sent(Lane::kRest, ++seq);
    delivery.ping_sent();
    clock.advance_ms(answered_after_ms);
    delivery.pongs_received(1);
    static_cast<void>(delivery.take_confirmed(Lane::kRest));
  };
  for (int i = 0; i < 20; ++i) round(5);
  CHECK(delivery.window() == 12'288);
  round(250);
  CHECK(delivery.window() == 6'144);
  // Pings that were sent before the halving tell of the same lateness.
  while (delivery.room(Lane::kRest) > 0) delivery.sent(Lane::kRest, ++seq);
  for (int i = 0; i < 4; ++i) delivery.ping_sent();
  clock.advance_ms(300);
  delivery.pongs_received(4);
  CHECK(delivery.window() == 3'072);
  for (int i = 0; i < 20; ++i) round(400);
  CHECK(delivery.window() == 256);  // never nothing
  round(150);
  CHECK(delivery.window() == 256);  // neither quick nor slow
  round(99);
  CHECK(delivery.window() == 384);
  for (int i = 0; i < 20; ++i) round(5);
  delivery.start_over();
  CHECK(delivery.window() == 1'024);  // whoever is back has others to serve too
}

TEST_CASE("wazuh delivery: rows passed by wait for their turn and count for nothing") {
  FakeClock clock;
  Delivery delivery({}, clock);
  delivery.passed_by(Lane::kRest, 1);
  CHECK(confirmed(delivery, Lane::kRest) == 1);
  delivery.sent(Lane::kRest, 2);
  delivery.passed_by(Lane::kRest, 3);
  delivery.passed_by(Lane::kRest, 4);
  CHECK(delivery.unconfirmed() == 1);
  CHECK(confirmed(delivery, Lane::kRest) == 0);
  barrier(delivery);
  barrier(delivery);
  clock.advance_ms(5'000);
  const auto news = delivery.take_confirmed(Lane::kRest);
  REQUIRE(news.has_value());
  CHECK(news->seq == 4);
  CHECK(news->rows == 1);
}

TEST_CASE("wazuh delivery: after a lost connection everything unconfirmed is sent again") {
  FakeClock clock;
  Delivery delivery({}, clock);
  delivery.sent(Lane::kRest, 1);
  delivery.sent(Lane::kCritical, 2);
  barrier(delivery);
  delivery.start_over();
  CHECK(delivery.unconfirmed() == 0);
  CHECK(delivery.last_sent(Lane::kRest) == 0);
  clock.advance_ms(10'000);
  CHECK(confirmed(delivery, Lane::kRest) == 0);
  CHECK(delivery.sent(Lane::kRest, 1));  // again
  CHECK(delivery.sent(Lane::kCritical, 2));
  CHECK_FALSE(delivery.sent(Lane::kRest, 3));
  barrier(delivery);
  clock.advance_ms(10'000);
  CHECK(confirmed(delivery, Lane::kRest) == 0);
  barrier(delivery);
  CHECK(confirmed(delivery, Lane::kRest) == 3);
}

TEST_CASE("wazuh delivery: by chance, nothing is confirmed without its proof") {
  // The oracle keeps for each row the numbers of the pings after it and when they were answered, and looks at all.
  FakeClock clock;
  Delivery delivery({.confirm_age_ms_min = 5'000}, clock);
  std::mt19937 random(5);
  struct Row {
    uint64_t seq, pings_before;
  };
  std::vector<Row> rows;
  std::vector<uint64_t> answered_at;
  uint64_t pings = 0;
  uint64_t seq = 0;
  uint64_t cursor = 0;
  for (int step = 0; step < 200'000; ++step) {
    switch (random() % 5) {
      case 0:
        if (delivery.room(Lane::kRest) > 0) {
          delivery.sent(Lane::kRest, ++seq);
          rows.push_back({seq, pings});
        }
        break;
      case 1:
        if (delivery.ping_due(false)) {
          delivery.ping_sent();
          ++pings;
        }
        break;
      case 2:
        if (answered_at.size() < pings) {
          delivery.pongs_received(1);
          answered_at.push_back(clock.monotonic_ns());
        }
        break;
      case 3:
        clock.advance_ms(random() % 400);
        break;
      default: {
        const uint64_t now = confirmed(delivery, Lane::kRest);
        if (now == 0) break;
        REQUIRE(now > cursor);
        for (const Row& row : rows) {
          if (row.seq <= cursor || row.seq > now) continue;
          REQUIRE(answered_at.size() >= row.pings_before + 2);
          REQUIRE(clock.monotonic_ns() - answered_at[row.pings_before] >= 5'000'000'000);
        }
        cursor = now;
        std::erase_if(rows, [cursor](const Row& row) { return row.seq <= cursor; });
      }
    }
  }
  CHECK(cursor > 1'000);
}

TEST_CASE("wazuh delivery: the age follows how late answers are, but for single ones, within its bounds") {
  FakeClock clock;
  Delivery delivery({}, clock);
  uint64_t seq = 0;
  const auto answers_after = [&](int count, uint64_t ms) {
    for (int i = 0; i < count; ++i) {
      delivery.sent(Lane::kRest, ++seq);
      delivery.ping_sent();
      clock.advance_ms(ms);
      delivery.pongs_received(1);
      static_cast<void>(delivery.take_confirmed(Lane::kRest));
    }
  };
  answers_after(15, 1);
  CHECK(delivery.confirm_age_ns() == 5'000'000'000);  // too few to judge by
  answers_after(1, 1);
  CHECK(delivery.confirm_age_ns() == 200'000'000);
  answers_after(1, 200);
  CHECK(delivery.confirm_age_ns() == 600'000'000);  // of 17, one is much
  answers_after(82, 1);
  CHECK(delivery.confirm_age_ns() == 200'000'000);  // of 99 it is the slowest fiftieth
  answers_after(2, 3'000);
  CHECK(delivery.confirm_age_ns() == 600'000'000);  // two of 101 are left out, the one of 200 ms counts
  answers_after(5, 3'000);
  CHECK(delivery.confirm_age_ns() == 5'000'000'000);
  answers_after(256, 20);
  CHECK(delivery.confirm_age_ns() == 200'000'000);  // forgotten
  delivery.start_over();                            // another connection, the same manager as far as we know
  CHECK(delivery.confirm_age_ns() == 200'000'000);
}

TEST_CASE("wazuh delivery: pings come more often where many rows are sent") {
  FakeClock clock;
  Delivery delivery({}, clock);
  for (size_t i = 0; i < Delivery::kAnswersToJudge; ++i) barrier(delivery);
  clock.advance_ms(500);
  delivery.sent(Lane::kRest, 1);
  REQUIRE(delivery.ping_due(false));
  delivery.ping_sent();
  for (uint64_t seq = 2; seq < 33; ++seq) delivery.sent(Lane::kRest, seq);
  clock.advance_ms(100);
  CHECK_FALSE(delivery.ping_due(false));  // 31 rows
  delivery.sent(Lane::kRest, 33);
  CHECK(delivery.ping_due(false));
  clock.advance_ms(1);
  delivery.ping_sent();
  for (uint64_t seq = 34; seq < 268; ++seq) delivery.sent(Lane::kRest, seq);
  clock.advance_ms(99);
  CHECK_FALSE(delivery.ping_due(false));
  CHECK(delivery.next_tick_ns(false) == clock.monotonic_ns() + 1'000'000);
  for (uint64_t seq = 268; seq < 300; ++seq) delivery.sent(Lane::kRest, seq);
  CHECK(delivery.ping_due(false));  // a quarter of the window: at once
}
