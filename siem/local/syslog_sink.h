// SyslogSink: one message per alert to the host's syslog socket, with facility user and the rule's priority as the
// severity (the two scales are the same), as Falco's syslog_output does. While nobody listens there, alerts wait in the
// spool and are tried again; a message that the socket will never take is counted (tiercel_output_lost_total, label
// syslog).
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

struct SyslogSinkOptions {
  std::string name = "syslog";  // of the output: counters' label, the reader
  enum class Format { kText, kJson };
  Format format = Format::kText;
  alert::Priority least_priority = alert::Priority::kDebug;
  uint64_t condition = 0;  // of Alert::refused_by; 0: none
  std::string socket_path = "/dev/log";
};

std::unique_ptr<Sink> make_syslog_sink(Spool& spool, SyslogSinkOptions options, Metrics& metrics);

// "<12>Jul 31 18:27:01 tiercel[4711]: text": what a syslog daemon reads from its local socket. The time is local.
[[nodiscard]] std::string syslog_message(alert::Priority priority, uint64_t time_ns, int pid, const std::string& text);

}  // namespace tiercel::siem
