#include "agent/vigil.h"

#include <doctest/doctest.h>

#include <csignal>
#include <string>

using namespace tiercel;

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

// Looks once a second from `from_s` to `to_s`, as a witness does; the first finding and when.
struct Found {
  std::optional<Vigil::How> how;
  uint64_t at_s = 0;
};
Found watch(Vigil& vigil, uint64_t from_s, uint64_t to_s, uint64_t ticks, char state) {
  for (uint64_t s = from_s; s <= to_s; ++s)
    if (const auto how = vigil.look({s * kSecondNs, ticks, false, state})) return {how, s};
  return {};
}

std::string field(const alert::Report& report, const std::string& name) {
  for (const auto& [key, value] : report.fields)
    if (key == name) {
      if (const auto* text = std::get_if<std::string>(&value.value)) return *text;
      if (const auto* number = std::get_if<int64_t>(&value.value)) return std::to_string(*number);
    }
  return {};
}

}  // namespace

TEST_CASE("vigil: an agent that ticks is let be, one that is stopped is told of after five seconds, once") {
  Vigil vigil;
  for (uint64_t s = 1; s < 100; ++s) CHECK_FALSE(vigil.look({s * kSecondNs, s, false, 'R'}));
  const Found found = watch(vigil, 100, 200, 99, 'T');
  REQUIRE(found.how);
  CHECK(*found.how == Vigil::How::kStopped);
  CHECK(found.at_s == 104);  // its last tick was seen at 99
  CHECK_FALSE(watch(vigil, 201, 300, 99, 'T').how);
}

TEST_CASE("vigil: who goes on is told of again when he is stopped again") {
  Vigil vigil;
  CHECK_FALSE(watch(vigil, 1, 1, 1, 'S').how);
  CHECK(watch(vigil, 2, 50, 1, 't').how == Vigil::How::kTraced);
  CHECK_FALSE(watch(vigil, 51, 51, 2, 'S').how);
  CHECK(watch(vigil, 52, 100, 2, 'T').at_s == 56);
}

TEST_CASE("vigil: without a reason in sight a busy host is given more time") {
  Vigil vigil;
  CHECK_FALSE(watch(vigil, 1, 1, 1, 'S').how);
  const Found found = watch(vigil, 2, 100, 1, 'R');
  CHECK(found.how == Vigil::How::kSilent);
  CHECK(found.at_s == 16);
}

TEST_CASE("vigil: a witness that did not run itself blames nobody for that time") {
  Vigil vigil;
  CHECK_FALSE(watch(vigil, 1, 10, 1, 'S').how == Vigil::How::kStopped);
  Vigil other;
  CHECK_FALSE(watch(other, 1, 2, 1, 'S').how);
  CHECK_FALSE(other.look({60 * kSecondNs, 1, false, 'T'}));  // both were frozen, and the agent is not on a CPU yet
  CHECK(watch(other, 61, 70, 1, 'T').how == Vigil::How::kStopped);
}

TEST_CASE("vigil: an agent that never watched is nobody's business, one that did is") {
  Vigil vigil;
  CHECK_FALSE(vigil.look({kSecondNs, 0, true, '-'}));
  CHECK_FALSE(watch(vigil, 1, 100, 0, 'T').how);
  CHECK(vigil.look({101 * kSecondNs, 5, true, '-'}) == Vigil::How::kGone);
}

TEST_CASE("vigil: a report says how, where the kernel tells") {
  Departure departure;
  departure.pid = 4711;
  CHECK(field(departure_report(departure), "how") == "gone");
  departure.status = SIGKILL;
  const alert::Report killed = departure_report(departure);
  CHECK(killed.priority == Priority::kCritical);
  CHECK(field(killed, "how") == "killed");
  CHECK(field(killed, "signal") == "9");
  CHECK(field(killed, "pid") == "4711");
  departure.status = 3 << 8;
  CHECK(field(departure_report(departure), "how") == "exited");
  CHECK(field(departure_report(departure), "status") == "3");
  departure.how = Vigil::How::kStopped;
  departure.status.reset();
  CHECK(field(departure_report(departure), "how") == "stopped");
}

TEST_CASE("vigil: what is left for the next agent comes back as it was, and what is not ours does not") {
  Departure departure;
  departure.pid = 4711;
  departure.status = SIGKILL;
  departure.now_ns = 1'700'000'000'000'000'007;
  const alert::Report report = departure_report(departure);
  const std::string text = kept_text(report);
  const auto back = kept_report(text);
  REQUIRE(back);
  CHECK(back->time_ns == report.time_ns);
  CHECK(back->rule == report.rule);
  CHECK(back->message == report.message);
  REQUIRE(back->fields.size() == report.fields.size());
  CHECK(field(*back, "how") == "killed");
  CHECK(field(*back, "pid") == "4711");
  for (size_t size = 0; size < text.size(); ++size) {
    const auto part = kept_report(text.substr(0, size));  // a torn file is taken for less, or for nothing
    if (part) CHECK(part->message == report.message);
  }
  CHECK_FALSE(kept_report("tiercel witness 1\n5\nTiercel internal: heartbeat\nall is well\n"));
  CHECK_FALSE(kept_report(""));
}
