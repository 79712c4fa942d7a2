// FileSink: one line per alert in a file: the normalised event, byte for byte what the manager gets, or Falco's JSON,
// or Falco's text, or the normalised event behind the word that its decoder wants, for a wazuh-agent that reads the
// file. An event longer than such an agent's logcollector reads is cut (tiercel_output_cut_total). The file is rotated
// by size (FILE, FILE.1 the newest, ... FILE.N the oldest) and opened again when it was moved away, deleted or reopen()
// was called. A write that fails (disk full) leaves no half line, is counted (tiercel_output_errors_total, label =
// path) and tried again; until it succeeds the spool keeps the rows.
//
// Threads: start(), stop() on the owner's thread; reopen() from any thread that is not a signal handler.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/alert/alert.h"
#include "agent/base/metrics.h"
#include "siem/sink.h"
#include "siem/spool.h"

namespace tiercel::siem {

struct FileSinkOptions {
  std::string name =
      {};  // of the output: counters' label, its place in the spool; empty: "file PATH", and PATH as label
  enum class Format { kNormalised, kFalco, kText, kWazuh };
  std::string path;
  Format format = Format::kNormalised;
  uint64_t rotate_size_bytes = 0;  // 0: never
  unsigned rotate_files = 1;       // how many old files are kept; at least 1
  uint32_t rate_max_per_s = 0;     // lines a second; 0: no limit
  alert::Priority least_priority = alert::Priority::kDebug;
  uint64_t condition = 0;  // of Alert::refused_by; 0: none
};

class FileSink : public Sink {
 public:
  // Asks for the file to be closed and opened again by its name, before the next line.
  virtual void reopen() = 0;
};

std::unique_ptr<FileSink> make_file_sink(Spool& spool, FileSinkOptions options, Metrics& metrics);

}  // namespace tiercel::siem
