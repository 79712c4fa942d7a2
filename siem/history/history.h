// The history: alerts on this host, for people who look at it (`tiercel alerts`, `tiercel report`). A SQLite file,
// FOLDER/history.db, written by a reader of the spool and bounded by size and age; whoever has root may read it
// meanwhile, and when no agent runs. What the agent says of itself ("Tiercel internal: ...": losses, gaps, receipts) is
// in it like any alert; heartbeats are not.
//
// - A row is there a few milliseconds after the decision, in one transaction with what else came (WAL, without a sync
//   for each: a power cut may take the last seconds, which the spool has on the disk for the manager). The sink keeps
//   its place in the spool, so nothing is missed when the agent is killed; what is given again is known by its id.
// - Beyond the size the oldest alerts of the rule that fills most of it go, so a noisy rule pushes out its own alerts
//   and nobody else's. What went is counted by rule, in the file.
// - It is in nobody's way: what the disk does not take is dropped, counted (tiercel_output_lost_total, label history)
//   and told ("Tiercel internal: history"). A damaged file is put aside as history.db.damaged, and told.
//
// Threads: the sink's are siem/sink.h's. A HistoryReader is used by one thread at a time; it never holds up the writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "agent/base/priority.h"
#include "agent/base/result.h"
#include "siem/sink.h"
#include "siem/spool.h"

namespace tiercel::history {

struct HistoryOptions {
  std::string folder = {};  // made if absent
  uint64_t size_bytes_max = uint64_t{256} << 20;
  uint64_t age_s_max = 30 * 86'400;  // 0: no limit
  std::string name = "history";      // of its place in the spool, its counters and its row in `tiercel status`
};
std::unique_ptr<siem::Sink> make_history_sink(siem::Spool& spool, HistoryOptions options, Metrics& metrics,
                                              const Clock& clock, alert::Reports& reports);

struct HistoryRow {
  uint64_t seq = 0;      // of the history: grows with each row, also over restarts and a file that was made anew
  uint64_t time_ns = 0;  // since the epoch: when it happened
  std::string id;
  std::string rule;
  Priority priority = Priority::kDebug;
  std::string event_json;  // the normalised event, byte for byte as at the manager (decoders/ALERT.md)
  std::string text;        // its "output"
};

struct HistoryQuery {
  uint64_t since_ns = 0, until_ns = UINT64_MAX;  // since <= time < until
  uint64_t after_seq = 0;
  std::string rule = {};  // a glob (* ? [...]) over the whole name, upper and lower case alike; empty: all
  Priority least = Priority::kDebug;
  std::string id = {};  // this one alert; empty: any
  bool newest = false;  // of more than `most` rows the last ones, instead of the first
};

// What the limits removed of a rule, since the file was made.
struct HistoryRemoved {
  std::string rule;
  uint64_t rows = 0;
  uint64_t last_ns = 0;  // time of the last one
};

class HistoryReader {
 public:
  // Errors name the way out: no file (kUser), no right to read it (kUser), damaged (kHost).
  static Result<std::unique_ptr<HistoryReader>> open(const std::string& folder);
  virtual ~HistoryReader() = default;

  // At most so many rows, in order of seq, which is the order in which the alerts came. A file that was made anew
  // meanwhile is opened again.
  virtual Result<std::vector<HistoryRow>> read(const HistoryQuery& query, size_t most) = 0;
  // Whether anything was written since the last call, by whomever. Costs microseconds: for those who follow.
  virtual Result<bool> changed() = 0;
  [[nodiscard]] virtual Result<std::vector<std::string>> rules() = 0;  // names, sorted
  [[nodiscard]] virtual Result<std::vector<HistoryRemoved>> removed() = 0;
};

}  // namespace tiercel::history
