// Spool: every alert between the decision and its delivery. The deciding thread appends and never waits for a disk
// or a network; each reader has a cursor of its own per lane and says what was delivered.
//
// MemorySpool keeps rows in memory, bounded; when it is full the oldest rows of the least severe priority go first,
// counted. (A durable spool takes its place behind the same interface.)
//
// Threads: append() from the deciding thread; each reader's calls from that reader's thread; counts() from any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/alert/alert.h"
#include "agent/base/metrics.h"

namespace tiercel::siem {

struct Row {
  uint64_t seq = 0;  // grows by one per append over both lanes, from 1
  alert::AlertPtr alert;
};

class Spool {
 public:
  using ReaderId = size_t;
  virtual ~Spool() = default;

  virtual void append(alert::AlertPtr alert) = 0;

  // Before start. The wake function is called (from append) when there is something new; it must not block. A reader
  // that takes no routine alerts is never given one (alert.h).
  virtual ReaderId add_reader(const std::string& name, std::function<void()> wake, bool takes_routine = true) = 0;
  // Up to `most` rows of the lane after `after_seq`, in order. after_seq = the last row read (0: from the cursor).
  virtual std::vector<Row> read(ReaderId reader, alert::Lane lane, uint64_t after_seq, size_t most) = 0;
  // Moves the reader's cursor: rows of the lane up to seq were delivered and may be forgotten.
  virtual void confirm(ReaderId reader, alert::Lane lane, uint64_t seq) = 0;
  [[nodiscard]] virtual uint64_t cursor(ReaderId reader, alert::Lane lane) const = 0;

  struct Counts {
    uint64_t appended = 0;
    uint64_t waiting = 0;  // rows that some reader has not confirmed
    uint64_t lost = 0;     // rows that a reader had not confirmed when the limit removed them
  };
  [[nodiscard]] virtual Counts counts() const = 0;

  // What each reader has not confirmed, in the order in which they were added.
  struct Waiting {
    std::string reader;
    uint64_t rows = 0;
  };
  [[nodiscard]] virtual std::vector<Waiting> waiting() const { return {}; }
};

struct MemorySpoolLimits {
  size_t rows_max = 100'000;
  size_t size_bytes_max = 128u << 20;
};
std::unique_ptr<Spool> make_memory_spool(MemorySpoolLimits limits, Metrics& metrics);

}  // namespace tiercel::siem
