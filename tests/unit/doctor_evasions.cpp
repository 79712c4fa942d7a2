// The table of evasions: complete, and each verdict follows from what the host is.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "agent/doctor/evasions.h"

using namespace tiercel;
using doctor::Fact;
using doctor::State;
using doctor::Surroundings;
using doctor::Way;

namespace {

Fact row(int id, const Surroundings& host) {
  for (Fact& fact : doctor::evasion_facts(host))
    if (fact.evasion == id) return std::move(fact);
  return {};
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

TEST_CASE("doctor evasions: twenty rows, each deed once, closed by something or open with a reason and a way out") {
  int next = 1;
  for (const doctor::Evasion& evasion : doctor::all_evasions()) {
    CAPTURE(evasion.id);
    CHECK(evasion.id == next++);
    CHECK_FALSE(evasion.name.empty());
    CHECK_FALSE(evasion.deeds.empty());
    std::set<std::string_view> keys;
    for (const doctor::Deed& deed : evasion.deeds) {
      CHECK(keys.insert(deed.key).second);
      CHECK((deed.gap != nullptr || !deed.closed_by.empty()));
      for (const Way way : {Way::kTracepoint, Way::kKprobe, Way::kTrampoline}) {
        const doctor::Gap gap = doctor::gap_of(deed, {.way = way, .calls_32bit = true});
        CHECK(gap.why.empty() == gap.way_out.empty());
        if (gap.why.empty()) CHECK_FALSE(deed.closed_by.empty());
      }
    }
  }
  CHECK(next == 21);
}

TEST_CASE("doctor evasions: verdicts go by the way of attaching, by what the kernel takes and by the configuration") {
  const Surroundings bare{.calls_32bit = true};
  CHECK(holds(row(1, bare).open, "descriptor"));
  CHECK(row(1, bare).state == State::kNote);
  CHECK(row(1, {.way = Way::kTrampoline}).state == State::kGood);
  CHECK(row(1, {.way = Way::kKprobe}).open.empty());
  CHECK(holds(row(4, bare).open, "open through a ring"));
  CHECK(row(4, {.uring_allowed = false}).open.empty());
  CHECK(row(4, {.uring_seen = true}).open.empty());
  CHECK(holds(row(15, bare).open, "32-bit open"));
  CHECK(holds(row(15, bare).closed, "32-bit start"));
  CHECK(row(15, {.calls_32bit = false}).open.empty());
  CHECK(row(15, {.calls_32bit = true, .compat_calls = true}).open.empty());
  CHECK(row(20, bare).state == State::kNote);
  CHECK(row(20, {.all_rules = true}).state == State::kGood);
}

TEST_CASE("doctor: what is mounted over a process in /proc is named") {
  const std::string plain =
      "22 1 0:20 / /proc rw,nosuid - proc proc rw\n36 22 0:32 / /proc/sys/fs/binfmt_misc rw - autofs x rw\n";
  CHECK(doctor::hidden_processes_fact_of(plain).state == State::kGood);
  CHECK(doctor::hidden_processes_fact_of("").state == State::kGood);
  CHECK(doctor::hidden_processes_fact_of("23 1 0:20 / /srv/proc/1 rw - proc proc rw\n").state == State::kGood);
  const Fact fact = doctor::hidden_processes_fact_of(
      plain + "40 22 0:40 / /proc/4711 rw - tmpfs t rw\n41 22 0:41 / /proc/1/fd rw - tmpfs t rw\n");
  CHECK(fact.state == State::kNote);
  CHECK(fact.detail == "mounted over /proc/4711, /proc/1/fd");
}
