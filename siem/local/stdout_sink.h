// StdoutSink: one line per alert on standard output, as Falco's text or as Falco's JSON. A reader that hangs or went
// away hurts nobody: the sink has its own thread and its own cursor, and after a broken pipe it counts what it could
// not print (tiercel_output_lost_total, label stdout) and lets the spool go on.
//
// Threads: start() and stop() on the owner's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/alert/alert.h"
#include "agent/base/metrics.h"
#include "siem/sink.h"
#include "siem/spool.h"

namespace tiercel::siem {

struct StdoutSinkOptions {
  std::string name = "stdout";  // of the output: counters' label, the reader
  enum class Format { kText, kJson };
  Format format = Format::kText;
  bool colour = false;  // tints the priority of a text line; the caller knows whether it is a terminal
  alert::Priority least_priority = alert::Priority::kDebug;
  uint64_t condition = 0;  // of Alert::refused_by; 0: none
  int fd = 1;              // borrowed; its flags are not changed, because other programs share them
};

std::unique_ptr<Sink> make_stdout_sink(Spool& spool, StdoutSinkOptions options, Metrics& metrics);

// The line with its priority in colour; the line itself when the priority is not where it belongs.
[[nodiscard]] std::string colour_priority(const alert::Alert& alert);

}  // namespace tiercel::siem
