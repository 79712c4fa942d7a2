// Addresses as text: IPv4 dotted, IPv6 as RFC 5952 (inet_ntop), IPv4-mapped IPv6 as IPv4. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "bpf/schema/event.h"

namespace tiercel::decoders {

inline constexpr uint16_t kAfUnix = 1, kAfInet = 2, kAfInet6 = 10;

[[nodiscard]] std::string address_text(uint16_t family, const __u8* bytes);

// The address argument of a socket call: "ip:port"; "" when it was none or of another family.
[[nodiscard]] std::string argument_text(const addr_part& address);

}  // namespace tiercel::decoders
