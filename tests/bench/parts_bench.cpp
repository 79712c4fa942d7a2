// What each part of the agent costs, by Google Benchmark:
// parts_bench [--benchmark_...] DIR RECORDING... -- NAME=PATH[,PATH...] ... -- NAME=PATH
//
// decode, attach, match and format go over recordings of real events, from an empty process table each time, so that
// every text is new to its event. Each of them is the trip up to and including that part: what a part costs is the
// difference to the one before (parts.py). format has the last rule set, which alerts
// much. frame and spool go over alerts of 1 KB. DIR is where the durable spool lies.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/alert/make.h"
#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "agent/context/enricher.h"
#include "agent/rule/engine.h"
#include "siem/spool.h"
#include "siem/wazuh/event_text.h"
#include "siem/wazuh/frame.h"
#include "siem/wazuh/keys.h"
#include "tests/bench/recorded.h"
#include "tests/bench/sample_alert.h"

using namespace tiercel;
using namespace tiercel::bench;

namespace {

constexpr size_t kFramed = 256;  // different alerts, so that the compressor does not see the same one again
constexpr size_t kRows = 64;     // that a reader takes at once
constexpr size_t kDurableRows = 4'096;

// What knows of processes, empty.
struct World {
  explicit World(const Recording& recording) { enricher.set_wall_offset_ns(recording.realtime_offset_ns); }
  Metrics metrics;
  SystemClock clock;
  context::Containers containers{context::Containers::Options::nothing_read(), metrics};
  context::Users users;
  context::ProcessTable table{{}, containers, metrics};
  context::Enricher enricher{clock, table, containers, users};
};

void count(benchmark::State& state, const Recording& recording) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(recording.records.size()));
  state.counters["records"] = static_cast<double>(recording.records.size());
}

void decode(benchmark::State& state, const Recording& recording) {
  for (auto pass : state) {
    (void)pass;
    for (const auto& words : recording.records) benchmark::DoNotOptimize(parse(words));
  }
  count(state, recording);
}

// handler(const Event&, enricher): what is done with each event, after decode and attach.
template <class Handler>
void attach(benchmark::State& state, const Recording& recording, Handler handler) {
  for (auto pass : state) {
    (void)pass;
    state.PauseTiming();
    auto world = std::make_unique<World>(recording);
    state.ResumeTiming();
    for (const auto& words : recording.records) world->enricher.attach(parse(words), handler);
    state.PauseTiming();
    world.reset();
    state.ResumeTiming();
  }
  count(state, recording);
}

void attach_alone(benchmark::State& state, const Recording& recording) {
  attach(state, recording, [](const context::Event& event) { benchmark::DoNotOptimize(&event); });
}

// With alerts: each match is rendered and made into one.
void match(benchmark::State& state, const Recording& recording, const Set& set, bool with_alerts) {
  rule::Matcher matcher(set.rules);
  alert::AlertMaker maker({.hostname = "bench"});
  uint64_t asked = 0, matched = 0;
  attach(state, recording, [&](const context::Event& event) {
    asked += set.rules->event_types_needed()[event.info().type] ? 1 : 0;
    for (const rule::Match& one : matcher.match(event)) {
      ++matched;
      if (!with_alerts) continue;
      const rule::Verdict& verdict = matcher.judge(one, event);
      benchmark::DoNotOptimize(maker.make(event, set.rules->rule(one.rule), matcher.render(one, event),
                                          one.view == context::PathView::kKernel, verdict.refused_by));
    }
  });
  const auto passes = static_cast<double>(state.iterations());
  state.counters["asked"] = static_cast<double>(asked) / passes;
  state.counters["matched"] = static_cast<double>(matched) / passes;
}

void frame(benchmark::State& state) {
  std::vector<alert::AlertPtr> alerts;
  for (uint64_t n = 0; n < kFramed; ++n) alerts.push_back(make_alert(n + 1));
  wazuh::Codec codec(wazuh::derive_key("001", "bench", std::string(64, 'a')));
  wazuh::SenderCounter counter({}, 1'790'000'000);
  size_t bytes = 0, next = 0;
  for (auto pass : state) {
    (void)pass;
    bool cut = false;
    const std::string text = wazuh::event_text(*alerts[next++ % kFramed], cut);
    const auto sealed = codec.seal(text, static_cast<uint16_t>(wazuh::random_u32()), counter.next());
    if (!sealed || cut) die("an alert that does not go into a frame");
    const std::string framed = wazuh::frame("!001!" + *sealed);
    bytes += framed.size();
    benchmark::DoNotOptimize(framed.data());
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["bytes"] = static_cast<double>(bytes) / static_cast<double>(state.iterations());
}

// A spool with one reader that keeps its place.
class OneReader {
 public:
  explicit OneReader(const std::string& folder) : reports_(metrics_) {
    siem::SpoolOptions options;
    options.folder = folder;
    spool_ = siem::make_spool(options, metrics_, clock_, reports_);
    reader_ = spool_->add_reader({.name = "bench", .wake = {}, .keeps_place = true});
    if (folder.empty()) return;
    if (auto opened = spool_->open(); !opened) die(opened.error().message);
  }
  ~OneReader() { spool_->close(); }
  OneReader(const OneReader&) = delete;
  OneReader& operator=(const OneReader&) = delete;

  void append(const alert::AlertPtr& alert) { spool_->append(alert); }
  [[nodiscard]] uint64_t commits() const { return metrics_.sum("tiercel_spool_commits_total"); }
  // Reads all that waits and confirms it; how many rows.
  size_t take_all() {
    size_t rows = 0;
    for (const alert::Lane lane : {alert::Lane::kCritical, alert::Lane::kRest}) {
      uint64_t last = spool_->cursor(reader_, lane);
      for (;;) {
        const auto got = spool_->read(reader_, lane, last, kRows);
        if (got.empty()) break;
        last = got.back().seq;
        rows += got.size();
        spool_->confirm(reader_, lane, last);
      }
    }
    return rows;
  }
  void check_nothing_lost() const {
    if (spool_->counts().lost != 0) die("the spool lost alerts");
  }

 private:
  SystemClock clock_;
  Metrics metrics_;
  alert::Reports reports_;
  std::unique_ptr<siem::Spool> spool_;
  siem::Spool::ReaderId reader_ = 0;
};

// The disk's part is another thread's: the time is that of the whole process. What is confirmed before it is written
// never is, so here nothing is read before all is on the disk.
void spool(benchmark::State& state, const std::string& folder, size_t rows) {
  using namespace std::chrono_literals;
  std::vector<alert::AlertPtr> alerts;
  for (uint64_t n = 0; n < rows; ++n) alerts.push_back(make_alert(n + 1));
  OneReader kept(folder);
  for (auto pass : state) {
    (void)pass;
    const uint64_t before = kept.commits();
    for (const alert::AlertPtr& alert : alerts) kept.append(alert);
    if (!folder.empty()) {
      uint64_t last = before;
      do {
        last = kept.commits();
        std::this_thread::sleep_for(100ms);  // several times what a commit waits for
      } while (last == before || last != kept.commits());
    }
    if (kept.take_all() != rows) die("the spool gave back other alerts than it got");
  }
  kept.check_nothing_lost();
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(rows));
}

void add(const std::string& name, std::function<void(benchmark::State&)> run) {
  benchmark::RegisterBenchmark(name.c_str(), std::move(run))->Unit(benchmark::kMicrosecond);
}

void add_recording(const Recording& recording, const std::vector<Set>& sets) {
  const std::string name = recording.path.substr(recording.path.rfind('/') + 1);
  add("decode/" + name, [&recording](benchmark::State& state) { decode(state, recording); });
  add("attach/" + name, [&recording](benchmark::State& state) { attach_alone(state, recording); });
  for (const Set& set : sets)
    add(fmt::format("match/{}/{}", set.name, name),
        [&recording, &set](benchmark::State& state) { match(state, recording, set, false); });
  add("format/" + name,
      [&recording, &set = sets.back()](benchmark::State& state) { match(state, recording, set, true); });
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::vector<Recording> recordings;
  std::vector<Set> sets;
  size_t group = 0;  // recordings, sets, the one of format
  for (int n = 2; n < argc; ++n) {
    const std::string word = argv[n];
    if (word == "--")
      ++group;
    else if (group > 0)
      sets.push_back(load(word));
    else
      recordings.push_back(read(word));
  }
  if (recordings.empty() || sets.empty() || group != 2)
    die("usage: parts_bench [--benchmark_...] DIR RECORDING... -- NAME=PATH[,PATH...] ... -- NAME=PATH");
  if (auto crypto = wazuh::check_crypto(); !crypto) die(crypto.error().message);
  for (const Recording& recording : recordings) add_recording(recording, sets);
  add("frame", frame);
  add("spool/memory", [](benchmark::State& state) { spool(state, "", kRows); });
  const std::string folder = std::string(argv[1]) + "/spool";
  benchmark::RegisterBenchmark("spool/durable",
                               [&folder](benchmark::State& state) { spool(state, folder, kDurableRows); })
      ->Unit(benchmark::kMicrosecond)
      ->MeasureProcessCPUTime();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
