#include "agent/base/syslog.h"

#include <fmt/core.h>

#include <array>
#include <charconv>

namespace tiercel {
namespace {

using Way = SyslogAddress::Way;

struct Scheme {
  std::string_view prefix;
  Way way;
  uint16_t port;
};
constexpr std::array<Scheme, 3> kSchemes{
    {{"udp://", Way::kUdp, 514}, {"tcp://", Way::kTcp, 514}, {"tls://", Way::kTls, 6514}}};
constexpr std::string_view kUnixPrefix = "unix://";

constexpr std::array<std::string_view, 24> kFacilities{"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
                                                       "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
                                                       "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
                                                       "local2", "local3", "local4", "local5", "local6",   "local7"};

tl::unexpected<Error> no_address(std::string_view text, std::string_view why) {
  return fail(fmt::format("'{}' is no syslog address: {}; write unix:///dev/log, udp://HOST:514, tcp://HOST:514 or "
                          "tls://HOST:6514",
                          text, why),
              Fault::kUser);
}

Result<SyslogAddress> parse_host(std::string_view text, std::string_view rest, const Scheme& scheme) {
  SyslogAddress address{scheme.way, {}, scheme.port, {}};
  std::string_view port;
  if (rest.starts_with('[')) {
    const size_t end = rest.find(']');
    if (end == std::string_view::npos) return no_address(text, "a ] is missing");
    address.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
  } else {
    const size_t colon = rest.find(':');
    address.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port = rest.substr(colon);
    if (port.find(':', 1) != std::string_view::npos) return no_address(text, "an IPv6 address stands in [ ]");
  }
  for (const char c : address.host)
    if (c <= ' ' || c == '/' || c == '@' || c == '%' || c == '?' || c == '#' || c == '[' || c == 0x7f)
      return no_address(text, "the host is neither a name nor an address");
  if (address.host.empty()) return no_address(text, "it has no host");
  if (port.empty()) return address;
  const char* end = port.data() + port.size();
  const auto parsed = std::from_chars(port.data() + 1, end, address.port);
  if (!port.starts_with(':') || parsed.ec != std::errc() || parsed.ptr != end || address.port == 0)
    return no_address(text, "the port is no number from 1 to 65535");
  return address;
}

}  // namespace

Result<SyslogAddress> parse_syslog_address(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) {
    SyslogAddress address;
    address.path = text.substr(kUnixPrefix.size());
    constexpr size_t kPathBytesMax = 107;  // of a Unix socket
    if (!address.path.starts_with('/')) return no_address(text, "the path is not absolute");
    if (address.path.size() > kPathBytesMax || address.path.find('\0') != std::string::npos)
      return no_address(text, "the path is longer than 107 bytes");
    return address;
  }
  for (const Scheme& scheme : kSchemes)
    if (text.starts_with(scheme.prefix)) return parse_host(text, text.substr(scheme.prefix.size()), scheme);
  return no_address(text, "it begins with none of the four ways");
}

std::string to_text(const SyslogAddress& address) {
  if (address.way == Way::kUnix) return std::string(kUnixPrefix) + address.path;
  std::string_view prefix;
  for (const Scheme& scheme : kSchemes)
    if (scheme.way == address.way) prefix = scheme.prefix;
  const bool bracket = address.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}{}:{}", prefix, bracket ? "[" : "", address.host, bracket ? "]" : "", address.port);
}

std::optional<uint8_t> syslog_facility(std::string_view name) {
  for (size_t i = 0; i < kFacilities.size(); ++i)
    if (kFacilities[i] == name) return static_cast<uint8_t>(i);
  return {};
}

std::string syslog_facility_names() {
  std::string names;
  for (const std::string_view name : kFacilities) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

}  // namespace tiercel
