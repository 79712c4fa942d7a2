// What a configuration says of a syslog server: its address and the facility. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace tiercel {

struct SyslogAddress {
  enum class Way : uint8_t { kUnix, kUdp, kTcp, kTls };
  Way way = Way::kUnix;
  std::string host;  // a name or an address, without brackets
  uint16_t port = 0;
  std::string path;  // of kUnix: absolute
};

// "unix:///dev/log", "udp://HOST[:514]", "tcp://HOST[:514]", "tls://HOST[:6514]", with [::1] for IPv6. Errors (kUser)
// say what is expected.
[[nodiscard]] Result<SyslogAddress> parse_syslog_address(std::string_view text);
// The way back, for people.
[[nodiscard]] std::string to_text(const SyslogAddress& address);

// RFC 5424's numbers by the names that syslog.h has: "user" is 1, "local7" 23.
[[nodiscard]] std::optional<uint8_t> syslog_facility(std::string_view name);
[[nodiscard]] std::string syslog_facility_names();  // "kern, user, ...": for errors and help

}  // namespace tiercel
