// TCP and UDP with a limit to every wait: name resolution, connecting, waiting for a descriptor. Nothing here blocks
// longer than its WaitLimit says. Any thread. Errors name the host, the port and the way out where there is one.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace tiercel::wazuh {

struct WaitLimit {
  uint64_t deadline_ns = 0;                                 // CLOCK_MONOTONIC
  int wake_fd = -1;                                         // readable: ask go_on; -1: none
  std::function<bool()> go_on;                              // takes the wake-up off wake_fd; false: give up
  const std::atomic<uint64_t>* stop_deadline_ns = nullptr;  // an earlier deadline that may come up while waiting
};
[[nodiscard]] uint64_t monotonic_now_ns();
[[nodiscard]] uint64_t deadline_in_ms(int timeout_ms);

// Until fd has one of the poll events.
[[nodiscard]] Result<> wait_for(int fd, short events, const WaitLimit& limit);

// A connected, non-blocking socket. Each address of the host is tried in turn, with its share of the limit.
[[nodiscard]] Result<Fd> connect_tcp(const std::string& host, uint16_t port, const WaitLimit& limit);

// A datagram socket that takes only what the other end sends. Nobody says whether an address of the host is the right
// one, so the caller counts its turns: the address of that turn, or the next to which there is a way.
[[nodiscard]] Result<Fd> connect_udp(const std::string& host, uint16_t port, size_t turn, const WaitLimit& limit);

// A listening, non-blocking socket on a loopback address ("127.0.0.1", "::1", "localhost"); port 0: any.
[[nodiscard]] Result<Fd> listen_on_loopback(const std::string& address, uint16_t port);
[[nodiscard]] Result<Fd> udp_on_loopback(const std::string& address, uint16_t port);
[[nodiscard]] uint16_t local_port(int fd);
[[nodiscard]] std::string local_address(int fd);  // of our end: "127.0.0.1"
[[nodiscard]] std::string address_text(const sockaddr_storage& address);
[[nodiscard]] std::string host_and_port(const std::string& host, uint16_t port);

}  // namespace tiercel::wazuh
