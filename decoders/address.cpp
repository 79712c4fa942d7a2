#include "decoders/address.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>
#include <string_view>

namespace tiercel::decoders {
namespace {

constexpr std::string_view kMappedPrefix("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

}  // namespace

std::string address_text(uint16_t family, const __u8* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool mapped = family == kAfInet6 && std::memcmp(bytes, kMappedPrefix.data(), kMappedPrefix.size()) == 0;
  if (mapped) bytes += kMappedPrefix.size();
  ::inet_ntop(family == kAfInet || mapped ? AF_INET : AF_INET6, bytes, text.data(), text.size());
  return text.data();
}

std::string argument_text(const addr_part& address) {
  if (address.afamily != kAfInet && address.afamily != kAfInet6) return {};
  return address_text(address.afamily, address.aaddr) + ":" + std::to_string(address.aport);
}

}  // namespace tiercel::decoders
