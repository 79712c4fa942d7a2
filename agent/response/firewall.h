// Blocks an address with nftables, and unblocks it: table inet tiercel, sets blocked4 and blocked6, dropped on the way
// in, out and through, before other chains. Both are one transaction and may be repeated. Never loopback, the host's
// own addresses, a default gateway or a manager. Any thread; runs `nft`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/response/kill.h"

namespace tiercel::response {

// "10.1.2.3", "2001:db8::1"; an IPv4 address within IPv6 becomes itself. Fault::kUser if it is no address.
[[nodiscard]] Result<std::string> plain_address(std::string_view text);

// Why the address must stay reachable; empty: it need not. `managers`: names or addresses. One that does not resolve
// protects everything, since any address could be its.
[[nodiscard]] std::string why_reachable(const std::string& address, const std::vector<std::string>& managers);

[[nodiscard]] Deed block_address(const std::string& address);
[[nodiscard]] Deed unblock_address(const std::string& address);

// What goes to `nft -f -`.
[[nodiscard]] std::string nft_script(const std::string& address, bool block);

// The default gateways that /proc/net/route and /proc/net/ipv6_route tell.
[[nodiscard]] std::vector<std::string> gateways_of(std::string_view route, std::string_view ipv6_route);
// <server><address> of a stock agent's ossec.conf.
[[nodiscard]] std::vector<std::string> managers_of_ossec_conf(std::string_view text);

}  // namespace tiercel::response
