// What `tiercel record` and `tiercel replay` say of themselves: how far they are, on a terminal, and what came of it at
// the end, as text and for machines. For `tiercel run` it does nothing. Owner's thread only; alerts are counted by a
// reader of the spool with a thread of its own.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "agent/app.h"
#include "agent/base/clock.h"
#include "agent/sensor/recording.h"
#include "agent/sensor/source.h"
#include "agent/status.h"
#include "siem/reader_thread.h"
#include "siem/spool.h"

namespace tiercel {

struct SessionFigures {
  bool replay = false;  // else a recording
  std::string file;
  uint64_t records = 0, size_bytes = 0;
  uint64_t of_bytes = 0;               // of a replay: the recording's size
  uint64_t first_ns = 0, last_ns = 0;  // of the records, since boot of the host that they are from
  uint64_t began_ns = 0;               // wall clock of the first
  uint64_t took_ns = 0;
  uint64_t events = 0, alerts = 0, lost = 0;
  std::map<std::string, uint64_t> rules;  // alerts
};
[[nodiscard]] std::string progress_text(const SessionFigures& figures);
[[nodiscard]] std::string session_text(const SessionFigures& figures);
[[nodiscard]] std::string session_json(const SessionFigures& figures);

class SessionReport {
 public:
  // Before the spool is opened.
  SessionReport(const RunOptions& options, siem::Spool& spool, const Clock& clock);

  void start(uint64_t wall_offset_ns);  // records come now
  void see(std::span<const std::byte> record) {
    if (!counts_) return;
    figures_.last_ns = reinterpret_cast<const ev_head*>(record.data())->time_ns;
    if (figures_.records++ == 0) figures_.first_ns = figures_.last_ns;
  }
  // Once a second. False: it has the length or size that was asked for, also of `tiercel run`.
  bool tick(const sensor::Source& source, const sensor::Recorder* recorder, const Metrics& metrics);
  // Before the spool is closed.
  void stop(const sensor::Source& source, const sensor::Recorder* recorder);
  // At the end: the figures, as the options want them.
  Result<> end(const Status& status);

 private:
  void count(std::span<const siem::Row> rows);
  void look(const sensor::Source& source, const sensor::Recorder* recorder);

  const RunOptions& options_;
  const Clock& clock_;
  SessionFigures figures_;
  uint64_t started_ns_ = 0, wall_offset_ns_ = 0, told_s_ = 0;
  bool own_line_ = false;  // progress is a line that is written over
  std::mutex mutex_;       // of the rules' counts
  std::unique_ptr<siem::ReaderThread> counts_;
};

}  // namespace tiercel
