// AgentQueueSink: alerts to a wazuh-agent that runs on this host, each as one datagram to its local queue, as that
// agent's own daemons send theirs: "1:tiercel:tiercel: {json}". The agent forwards it to its manager, where it looks as
// if this agent had sent it. Nothing enrols.
//
// While nobody listens there (the agent is not running, or is started anew) or the queue is full (the agent does not
// read while its manager is away), alerts wait in the spool; that is told once in the log, and each attempt is counted
// (tiercel_output_errors_total, label wazuh_agent). What the queue took is delivered as far as can be known here: the
// wazuh-agent keeps 5,000 events in memory, forwards 500 a second, and drops what finds its buffer full without a word
// to us. So the sink hands over no more than rate_max_per_s, and the rest waits in the spool, criticals first.
//
// Threads: start() and stop() on the owner's thread. Facts: Wazuh 4.14's agent: the queue is a datagram socket, from
// which it reads up to 65,536 bytes a message and forwards up to 65,408.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/alert/alert.h"
#include "agent/base/metrics.h"
#include "siem/sink.h"
#include "siem/spool.h"

namespace tiercel::wazuh {

struct AgentQueueOptions {
  std::string name = "wazuh_agent";  // of the output: counters' label, its place in the spool
  std::string path;
  uint32_t rate_max_per_s = 0;  // 0: no limit
  alert::Priority least_priority = alert::Priority::kDebug;
  uint64_t condition = 0;  // of Alert::refused_by; 0: none
  int retry_ms_max = 1'000;
  int full_ms_max = 5'000;  // a queue that is full for so long is trouble
};

std::unique_ptr<siem::Sink> make_agent_queue_sink(siem::Spool& spool, AgentQueueOptions options, Metrics& metrics);

}  // namespace tiercel::wazuh
