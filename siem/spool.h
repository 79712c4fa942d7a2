// Spool: every alert between the decision and its delivery. The deciding thread appends and never waits for a disk
// or a network; each reader has a cursor of its own per lane and says what was delivered.
//
// With a folder the spool is durable: what a reader that keeps its place has not confirmed is on the disk at most 50 ms
// after the decision (commit_ms and the disk's own time for a sync), and is given again after a restart, a crash or a
// power cut. What is confirmed sooner than that is never written. Limits on size and age: of the rows that one reader
// alone holds up, or else of all, the least severe go first, the oldest of these first; counted by rule, and reported
// ("Tiercel internal: alerts lost"). While the disk takes nothing (full, read-only) or the file is damaged, rows stay
// in memory, the trouble is reported ("Tiercel internal: spool"), and what a damaged file still gives is appended anew.
//
// Threads: append() from the deciding thread; each reader's calls from that reader's thread; counts() from any; open()
// and close() from the owner's. Errors: open() fails only if another agent uses the folder; all else is reported.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/alert/alert.h"
#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "agent/base/result.h"

namespace tiercel::siem {

struct Row {
  uint64_t seq = 0;  // grows by one per append over both lanes, from 1
  alert::AlertPtr alert;
};

// Which renderings of an alert a reader needs (alert.h). In what comes from the disk the others may be empty, and where
// everybody wants the event alone so may the short facts for people.
enum Parts : uint8_t { kEventJson = 1, kFalcoJson = 2, kTextLine = 4 };

struct ReaderOptions {
  std::string name;                 // also that of its place in the file
  std::function<void()> wake = {};  // called (from append) when there is something new; must not block; may be empty
  bool takes_routine = true;        // false: is never given a routine alert (alert.h)
  bool keeps_place = false;         // what it had not confirmed is given again after a restart of the agent
  uint8_t parts = kEventJson;       // of Parts
};

class Spool {
 public:
  using ReaderId = size_t;
  virtual ~Spool() = default;

  virtual void append(alert::AlertPtr alert) = 0;

  // Before anything is appended.
  virtual ReaderId add_reader(ReaderOptions options) = 0;
  // Up to `most` rows of the lane after `after_seq`, in order. after_seq = the last row read (0: from the cursor).
  virtual std::vector<Row> read(ReaderId reader, alert::Lane lane, uint64_t after_seq, size_t most) = 0;
  // Moves the reader's cursor: rows of the lane up to seq were delivered and may be forgotten.
  virtual void confirm(ReaderId reader, alert::Lane lane, uint64_t seq) = 0;
  [[nodiscard]] virtual uint64_t cursor(ReaderId reader, alert::Lane lane) const = 0;

  struct Counts {
    uint64_t appended = 0;
    uint64_t waiting = 0;   // rows that some reader has not confirmed
    uint64_t lost = 0;      // rows that a reader had not confirmed when the limit removed them
    bool on_disk = false;   // what waits outlives the agent; false: no folder, or the disk takes nothing now
    bool rescuing = false;  // an older or damaged file has more, which is not among `waiting` yet
  };
  [[nodiscard]] virtual Counts counts() const = 0;

  // What each reader has not confirmed, in the order in which they were added.
  struct Waiting {
    std::string reader;
    uint64_t rows = 0;
    bool kept = false;  // they are on the disk, and are given again after a restart
  };
  [[nodiscard]] virtual std::vector<Waiting> waiting() const = 0;

  // Before the first append, after the last add_reader(). Without it everything is in memory.
  virtual Result<> open() = 0;
  // Commits what there is. Nothing is appended, read or confirmed afterwards. Idempotent.
  virtual void close() = 0;
};

struct SpoolOptions {
  std::string folder;  // made if absent; empty: in memory only
  uint64_t size_bytes_max = uint64_t{1} << 30;
  uint64_t age_s_max = 7 * 86'400;  // 0: no limit
  int commit_ms = 20;
  // In memory, where rows wait that the disk does not have (yet).
  size_t memory_rows_max = 100'000;
  size_t memory_bytes_max = 128u << 20;
  size_t kept_bytes_max = 8u << 20;  // of rows that the disk has as well: readers who keep up need no disk
};
std::unique_ptr<Spool> make_spool(SpoolOptions options, Metrics& metrics, const Clock& clock, alert::Reports& reports);

}  // namespace tiercel::siem
