// An alert as a message of RFC 5424. Pure; any thread.
//
//   <12>1 2026-07-31T18:27:01.123456Z web1 tiercel 4711 container_escape [origin software="tiercel" swVersion="0.1.0"]
//   [timeQuality tzKnown="1" isSynced="1"] 18:27:01.123456789: Warning ...                              (one line)
//
// MSGID is the rule's category, or "-". There is no element of our own in the structured data: that would need an
// enterprise number. The message has no byte order mark (RFC 5424's MSG-ANY): receivers leave a mark in the message,
// where it breaks JSON. Control characters are written as \x0A, so a message is always one line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/alert/alert.h"

namespace tiercel::siem {

struct SyslogFacts {
  uint8_t facility = 1;
  std::string hostname;  // "-" is written for what RFC 5424 does not take
  std::string version;   // of the program
  int pid = 0;
  bool clock_synced = false;
};

// `text`: what stands in MSG. A message of more than size_bytes_max bytes (0: no limit) is cut in MSG, never within a
// UTF-8 character, and ends with "...[cut]"; `cut` says so.
[[nodiscard]] std::string syslog5424_message(const SyslogFacts& facts, const alert::Alert& alert, std::string_view text,
                                             size_t size_bytes_max, bool& cut);

[[nodiscard]] std::string this_hostname();
// What the kernel says of the clock (adjtimex): a time service holds it.
[[nodiscard]] bool clock_is_synced();

}  // namespace tiercel::siem
