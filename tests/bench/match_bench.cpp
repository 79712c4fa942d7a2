// What matching costs, on recorded events: match_bench --rounds N RECORDING... -- NAME=PATH[,PATH...] ...
// Every round takes each recording through parsing and the process table alone, and once more with each rule set behind
// them; the difference, over the events that the set asks for, is what matching costs; and once while somebody looks
// (agent/look), over all of its time. Prints JSON: for each recording and set the ns per event of every round.
#include <fmt/core.h>

#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/base/metrics.h"
#include "agent/context/enricher.h"
#include "agent/look/counts.h"
#include "tests/bench/recorded.h"

using namespace tiercel;
using namespace tiercel::bench;

namespace {

struct Pass {
  double ns = 0;
  uint64_t answered = 0;            // of those who look
  uint64_t asked = 0, matched = 0;  // events of types that the set needs; rules that matched
};

// Of this thread: whatever else the machine does is not in it.
double cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

Pass run(const Recording& recording, const rule::RuleSet* rules, rule::Matcher* matcher,
         look::Counts* counts = nullptr) {
  Metrics metrics;
  SystemClock clock;
  context::Containers containers(context::Containers::Options::nothing_read(), metrics);
  context::Users users;
  context::ProcessTable table({}, containers, metrics);
  context::Enricher enricher(clock, table, containers, users);
  enricher.set_wall_offset_ns(recording.realtime_offset_ns);
  Pass pass;
  const double begun_ns = cpu_ns();
  const uint64_t second_ns = 1'000'000'000;
  uint64_t tick_ns = 0;
  for (const auto& words : recording.records) {
    const auto& head = *reinterpret_cast<const ev_head*>(words.data());
    enricher.attach(parse(words), [&](const context::Event& event) {
      if (!matcher) return;
      pass.asked += rules->event_types_needed()[event.info().type] ? 1 : 0;
      if (counts == nullptr) {
        pass.matched += matcher->match(event).size();
        return;
      }
      if (head.time_ns >= tick_ns + second_ns) {  // as the agent's tick does it, and one who asks once a second
        tick_ns = head.time_ns;
        counts->adapt();
        pass.answered += counts->snapshot().events;
      }
      counts->begin(event);
      for (const rule::Match& match : matcher->match(event, counts->rules())) {
        counts->alerted(match.rule);
        ++pass.matched;
      }
      counts->end();
    });
  }
  pass.ns = cpu_ns() - begun_ns;
  return pass;
}

}  // namespace

int main(int argc, char** argv) {
  unsigned rounds = 5;
  std::vector<Recording> recordings;
  std::vector<Set> sets;
  bool after = false;
  for (int n = 1; n < argc; ++n) {
    const std::string word = argv[n];
    if (word == "--")
      after = true;
    else if (word == "--rounds" && n + 1 < argc)
      rounds = static_cast<unsigned>(std::atoi(argv[++n]));
    else if (after)
      sets.push_back(load(word));
    else
      recordings.push_back(read(word));
  }
  if (recordings.empty() || sets.empty() || rounds == 0)
    die("usage: match_bench [--rounds N] RECORDING... -- NAME=PATH[,PATH...] ...");
  std::string out = "{\"sets\":[";
  for (const Set& set : sets)
    out += fmt::format("{}{{\"name\":\"{}\",\"rules\":{},\"load_s\":{:.3f}}}", out.ends_with('[') ? "" : ",", set.name,
                       set.rules->active_count(), set.load_s);
  out += "],\"results\":[";
  for (const Recording& recording : recordings) {
    std::vector<std::string> ns(sets.size()), looked(sets.size());
    std::vector<Pass> last(sets.size());
    double bare_ns = 0;
    for (unsigned round = 0; round < rounds; ++round) {
      for (size_t n = 0; n < sets.size(); ++n) {
        rule::Matcher matcher(sets[n].rules);
        const Pass bare = run(recording, nullptr, nullptr);
        last[n] = run(recording, sets[n].rules.get(), &matcher);
        const SystemClock clock;
        rule::Matcher again(sets[n].rules);
        look::Counts counts(clock, sets[n].rules);
        const Pass watched = run(recording, sets[n].rules.get(), &again, &counts);
        looked[n] += fmt::format("{}{:.4f}", looked[n].empty() ? "" : ",", watched.ns / last[n].ns);
        bare_ns = bare.ns;
        ns[n] += fmt::format("{}{:.1f}", ns[n].empty() ? "" : ",",
                             last[n].asked ? (last[n].ns - bare.ns) / static_cast<double>(last[n].asked) : 0.0);
      }
    }
    for (size_t n = 0; n < sets.size(); ++n)
      out += fmt::format(
          "{}{{\"recording\":\"{}\",\"set\":\"{}\",\"records\":{},\"asked\":{},\"matched\":{},\"bare_ns\":{:.1f},"
          "\"looked\":[{}],\"ns\":[{}]}}",
          out.ends_with('[') ? "" : ",", recording.path, sets[n].name, recording.records.size(), last[n].asked,
          last[n].matched, bare_ns / static_cast<double>(recording.records.size()), looked[n], ns[n]);
  }
  std::printf("%s]}\n", out.c_str());
  return 0;
}
