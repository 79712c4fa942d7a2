// One sink of each type but the manager's, from its configuration. Owner's thread only.
#pragma once

#include <memory>
#include <string>

#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "agent/config/config.h"
#include "siem/forwarder.h"
#include "siem/local/file_sink.h"
#include "siem/sink.h"
#include "siem/spool.h"

namespace tiercel {

// What every sink is made over; all of it outlives the sinks.
struct OutputParts {
  siem::Spool& spool;
  Metrics& metrics;
  const Clock& clock;
  alert::Reports& reports;
  bool json = false;  // --json: Falco's JSON lines on standard output
};

struct MadeOutput {
  std::unique_ptr<siem::Sink> sink;  // nullptr: a manager, which all managers together are
  siem::FileSink* file = nullptr;    // the same, where it is one
  siem::Forwarder* forwarder = nullptr;
};

[[nodiscard]] MadeOutput make_output(const config::Output& output, const std::string& name, const OutputParts& parts);

}  // namespace tiercel
