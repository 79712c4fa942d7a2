#include "agent/response/firewall.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <sstream>

#include "agent/base/fd.h"
#include "agent/response/child.h"

namespace tiercel::response {
namespace {

constexpr int kNftLimitMs = 20'000;
constexpr size_t kRoutesBytesMax = 16u << 20;

// Declared anew each time: what is there stays, and the rules are not doubled.
constexpr const char* kTable =
    "add table inet tiercel\n"
    "add set inet tiercel blocked4 {{ type ipv4_addr; }}\n"
    "add set inet tiercel blocked6 {{ type ipv6_addr; }}\n"
    "add chain inet tiercel input {{ type filter hook input priority -150; }}\n"
    "add chain inet tiercel forward {{ type filter hook forward priority -150; }}\n"
    "add chain inet tiercel output {{ type filter hook output priority -150; }}\n"
    "flush chain inet tiercel input\n"
    "flush chain inet tiercel forward\n"
    "flush chain inet tiercel output\n"
    "add rule inet tiercel input ip saddr @blocked4 drop\n"
    "add rule inet tiercel input ip6 saddr @blocked6 drop\n"
    "add rule inet tiercel forward ip saddr @blocked4 drop\n"
    "add rule inet tiercel forward ip daddr @blocked4 drop\n"
    "add rule inet tiercel forward ip6 saddr @blocked6 drop\n"
    "add rule inet tiercel forward ip6 daddr @blocked6 drop\n"
    "add rule inet tiercel output ip daddr @blocked4 drop\n"
    "add rule inet tiercel output ip6 daddr @blocked6 drop\n"
    "add element inet tiercel {0} {{ {1} }}\n";

std::string text_of(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address != nullptr && address->sa_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text.data(), text.size());
  else if (address != nullptr && address->sa_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text.data(), text.size());
  auto plain = plain_address(text.data());
  return plain ? *plain : std::string();
}

bool is_own(const std::string& address) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next)
    if (at->ifa_addr != nullptr && text_of(at->ifa_addr) == address) return true;
  return false;
}

// Not one host's: loopback, everything, nothing, many.
std::string why_no_host(const std::string& address) {
  in_addr v4{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    const uint32_t bits = ntohl(v4.s_addr);
    if (bits >> 24 == 127) return "it is loopback";
    if (bits >> 24 == 0 || bits >> 28 >= 14) return "it is no host's address";
    return {};
  }
  in6_addr v6{};
  ::inet_pton(AF_INET6, address.c_str(), &v6);
  if (IN6_IS_ADDR_LOOPBACK(&v6)) return "it is loopback";
  if (IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_MULTICAST(&v6)) return "it is no host's address";
  return {};
}

Result<std::vector<std::string>> addresses_of(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0)
    return fail(
        fmt::format("the manager's name {} does not resolve ({}), so any address could be its: name its "
                    "address in wazuh.managers",
                    host, ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::vector<std::string> out;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) out.push_back(text_of(at->ai_addr));
  return out;
}

// "0101A8C0", an address as the kernel prints it: four bytes in the host's order.
std::string v4_of_hex(const std::string& hex) {
  in_addr address{};
  address.s_addr = static_cast<in_addr_t>(std::strtoul(hex.c_str(), nullptr, 16));
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address, text.data(), text.size());
  return text.data();
}

std::string v6_of_hex(const std::string& hex) {
  in6_addr address{};
  if (hex.size() != 2 * sizeof address.s6_addr) return {};
  for (size_t i = 0; i < sizeof address.s6_addr; ++i)
    address.s6_addr[i] = static_cast<uint8_t>(std::strtoul(hex.substr(2 * i, 2).c_str(), nullptr, 16));
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &address, text.data(), text.size());
  return text.data();
}

std::vector<std::string> own_gateways() {
  const auto v4 = read_pseudo_file("/proc/net/route", kRoutesBytesMax);
  const auto v6 = read_pseudo_file("/proc/net/ipv6_route", kRoutesBytesMax);
  return gateways_of(v4 ? *v4 : "", v6 ? *v6 : "");
}

Deed run_nft(const std::string& script, const std::string& what) {
  const std::string nft = find_tool("nft");
  if (nft.empty()) return failed("nft is not installed: install the package nftables");
  const auto ran = run_tool(nft, {"-f", "-"}, script, kNftLimitMs);
  if (!ran) return failed(ran.error().message);
  if (ran->exit_status != 0)
    return failed(
        fmt::format("nft ended with status {}: {}", ran->exit_status, ran->output.substr(0, ran->output.find('\n'))));
  return done(what);
}

}  // namespace

Result<std::string> plain_address(std::string_view text) {
  const std::string copy(text);
  std::array<char, INET6_ADDRSTRLEN> out{};
  in6_addr v6{};
  in_addr v4{};
  if (::inet_pton(AF_INET, copy.c_str(), &v4) == 1) {
    ::inet_ntop(AF_INET, &v4, out.data(), out.size());
    return std::string(out.data());
  }
  if (::inet_pton(AF_INET6, copy.c_str(), &v6) != 1) return fail("it is no IP address", Fault::kUser);
  if (IN6_IS_ADDR_V4MAPPED(&v6))
    ::inet_ntop(AF_INET, &v6.s6_addr[12], out.data(), out.size());
  else
    ::inet_ntop(AF_INET6, &v6, out.data(), out.size());
  return std::string(out.data());
}

std::string why_reachable(const std::string& address, const std::vector<std::string>& managers) {
  if (std::string why = why_no_host(address); !why.empty()) return why;
  if (is_own(address)) return "it is this host's own address";
  const auto gateways = own_gateways();
  if (std::find(gateways.begin(), gateways.end(), address) != gateways.end()) return "it is a default gateway";
  for (const std::string& manager : managers) {
    const auto addresses = addresses_of(manager);
    if (!addresses) return addresses.error().message;
    if (std::find(addresses->begin(), addresses->end(), address) != addresses->end()) return "it is the manager's";
  }
  return {};
}

std::string nft_script(const std::string& address, bool block) {
  const char* set = address.find(':') == std::string::npos ? "blocked4" : "blocked6";
  std::string script = fmt::format(fmt::runtime(kTable), set, address);
  // Added and deleted in one transaction: no error where it was not there.
  if (!block) script += fmt::format("delete element inet tiercel {} {{ {} }}\n", set, address);
  return script;
}

Deed block_address(const std::string& address) {
  return run_nft(nft_script(address, true), "blocked " + address);
}

Deed unblock_address(const std::string& address) {
  const std::string nft = find_tool("nft");
  if (nft.empty()) return failed("nft is not installed: install the package nftables");
  const auto there = run_tool(nft, {"list", "table", "inet", "tiercel"}, "", kNftLimitMs);
  if (there && there->exit_status != 0) return done(address + " was not blocked: there is no table of ours");
  return run_nft(nft_script(address, false), "unblocked " + address);
}

std::vector<std::string> gateways_of(std::string_view route, std::string_view ipv6_route) {
  std::vector<std::string> out;
  std::istringstream v4{std::string(route)};
  for (std::string line; std::getline(v4, line);) {  // Iface Destination Gateway Flags RefCnt Use Metric Mask ...
    std::istringstream words(line);
    std::string device, destination, gateway;
    if (words >> device >> destination >> gateway && destination == "00000000" && gateway != "00000000")
      out.push_back(v4_of_hex(gateway));
  }
  std::istringstream v6{std::string(ipv6_route)};
  for (std::string line; std::getline(v6, line);) {  // destination, its length, source, its length, next hop, ...
    std::istringstream words(line);
    std::string destination, length, source, source_length, next;
    if (words >> destination >> length >> source >> source_length >> next && length == "00" &&
        destination == std::string(32, '0') && next != std::string(32, '0'))
      out.push_back(v6_of_hex(next));
  }
  return out;
}

std::vector<std::string> managers_of_ossec_conf(std::string_view text) {
  constexpr std::string_view kOpen = "<address>", kClose = "</address>";
  std::vector<std::string> out;
  for (size_t at = text.find(kOpen); at != std::string_view::npos; at = text.find(kOpen, at)) {
    at += kOpen.size();
    const size_t end = text.find(kClose, at);
    if (end == std::string_view::npos) break;
    std::string host(text.substr(at, end - at));
    host.erase(0, host.find_first_not_of(" \t\r\n"));
    host.erase(host.find_last_not_of(" \t\r\n") + 1);
    if (!host.empty() && host.size() < 256) out.push_back(std::move(host));
  }
  return out;
}

}  // namespace tiercel::response
