// The syslog output with an address: RFC 5424 over a Unix socket, UDP, TCP (octet counting, RFC 6587) or TLS (RFC
// 5425). (Without an address it is syslog_sink.h.) What "delivered" means over each is told in syslog_link.h: at least
// once, up to the other kernel.
//
//   queues by lane ─write─► sent, with their places ─arrived─► settled
//          ▲                      │
//          └── the connection broke: what had not arrived, in order, again ──┘
//
// Over TCP and TLS what the other kernel acknowledged counts as delivered when settle_ms more went by without a reset:
// a server that dies with bytes unread resets the connection, and so loses nothing that came within settle_ms. What had
// arrived and was not settled comes twice then.
//
// Threads: those of forwarder.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/alert/report.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "siem/forwarder.h"
#include "siem/local/syslog_link.h"
#include "siem/spool.h"

namespace tiercel::siem {

struct SyslogForwarderOptions {
  enum class Format : uint8_t { kText, kJson };
  ForwarderOptions forwarder = {};  // parts and takes_routine are set by the maker
  SyslogLinkOptions link = {};
  Format format = Format::kText;  // of MSG: Falco's text line or Falco's JSON
  uint8_t facility = 1;           // agent/base/syslog.h
  std::string hostname = {};      // empty: the host's
  std::string version = {};       // of the program
  size_t udp_bytes_max = 2'048;   // receivers must take 480 and should take 2048; longer ones are cut, counted
  int settle_ms = 500;
  int silence_ms_max = 30'000;  // nothing arrives any more for so long: the connection is broken
};

std::unique_ptr<Service> make_syslog_service(SyslogForwarderOptions options, Metrics& metrics, const Clock& clock);

std::unique_ptr<Forwarder> make_syslog_forwarder(Spool& spool, SyslogForwarderOptions options, Metrics& metrics,
                                                 const Clock& clock, alert::Reports& reports);

}  // namespace tiercel::siem
