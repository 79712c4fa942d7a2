#include "siem/wazuh/tcp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace tiercel::wazuh {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

struct Lookup {
  std::string host;
  std::string service;
  Fd done{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::mutex mutex;
  std::vector<Address> found;  // under mutex
  int error = 0;               // under mutex: of getaddrinfo
};

int look_up(const std::string& host, const std::string& service, int flags, std::vector<Address>& found) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &list);
  if (error != 0) return error;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    Address address;
    if (each->ai_addrlen > sizeof address.bytes) continue;
    std::memcpy(&address.bytes, each->ai_addr, each->ai_addrlen);
    address.size = each->ai_addrlen;
    found.push_back(address);
  }
  ::freeaddrinfo(list);
  return 0;
}

// getaddrinfo() takes as long as it likes, so a name is looked up on a thread that may outlive us.
Result<std::vector<Address>> resolve(const std::string& host, uint16_t port, const WaitLimit& limit) {
  const std::string service = std::to_string(port);
  std::vector<Address> found;
  if (look_up(host, service, AI_NUMERICHOST | AI_NUMERICSERV, found) == 0) return found;
  auto lookup = std::make_shared<Lookup>();
  lookup->host = host;
  lookup->service = service;
  if (!lookup->done.valid()) return fail_errno("cannot make an eventfd", errno);
  std::thread([lookup] {
    std::vector<Address> addresses;
    const int error = look_up(lookup->host, lookup->service, AI_NUMERICSERV, addresses);
    {
      std::lock_guard lock(lookup->mutex);
      lookup->found = std::move(addresses);
      lookup->error = error;
    }
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(lookup->done.get(), &one, sizeof one);
  }).detach();
  if (auto waited = wait_for(lookup->done.get(), POLLIN, limit); !waited)
    return fail("cannot find the address of " + host + ": " + waited.error().message);
  std::lock_guard lock(lookup->mutex);
  if (lookup->error != 0)
    return fail("cannot find the address of " + host + ": " + ::gai_strerror(lookup->error) + "; is the name right?");
  return lookup->found;
}

Result<Fd> connect_to(const Address& address, const WaitLimit& limit) {
  Fd fd(::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno("cannot make a socket", errno);
  const int one = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size) == 0) return fd;
  if (errno != EINPROGRESS) return fail(std::strerror(errno));
  if (auto waited = wait_for(fd.get(), POLLOUT, limit); !waited) return tl::unexpected(waited.error());
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail(std::strerror(error));
  return fd;
}

bool is_loopback(const Address& address) {
  if (address.bytes.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.bytes);
    return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.bytes);
  return address.bytes.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

Result<Fd> connect_datagrams_to(const Address& address) {
  Fd fd(::socket(address.bytes.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno("cannot make a socket", errno);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size) != 0)
    return fail(std::strerror(errno));
  return fd;
}

// A socket of that kind, bound to a loopback address.
Result<Fd> bind_to_loopback(const std::string& address, uint16_t port, int kind) {
  std::vector<Address> found;
  const std::string numeric = address == "localhost" ? "127.0.0.1" : address;
  if (look_up(numeric, std::to_string(port), AI_NUMERICHOST | AI_NUMERICSERV, found) != 0 || found.empty() ||
      !is_loopback(found.front()))
    return fail("'" + address + "' is not a loopback address: use 127.0.0.1 or ::1", Fault::kUser);
  Fd fd(::socket(found.front().bytes.ss_family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno("cannot make a socket", errno);
  const int one = 1;
  if (kind == SOCK_STREAM) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&found.front().bytes), found.front().size) != 0)
    return fail_errno("cannot listen on " + host_and_port(numeric, port), errno);
  return fd;
}

template <class Call>
Address name_of(int fd, Call call) {
  Address address;
  address.size = sizeof address.bytes;
  if (call(fd, reinterpret_cast<sockaddr*>(&address.bytes), &address.size) != 0) address.size = 0;
  return address;
}

}  // namespace

uint64_t monotonic_now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t deadline_in_ms(int timeout_ms) {
  return monotonic_now_ns() + static_cast<uint64_t>(std::max(timeout_ms, 0)) * kNsPerMs;
}

Result<> wait_for(int fd, short events, const WaitLimit& limit) {
  for (;;) {
    const uint64_t now_ns = monotonic_now_ns();
    uint64_t deadline_ns = limit.deadline_ns;
    if (limit.stop_deadline_ns != nullptr) deadline_ns = std::min(deadline_ns, limit.stop_deadline_ns->load());
    if (now_ns >= deadline_ns) return fail("timed out");
    const uint64_t left_ms = std::min<uint64_t>((deadline_ns - now_ns) / kNsPerMs + 1, INT_MAX);
    std::array<pollfd, 2> fds{{{fd, events, 0}, {limit.wake_fd, POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(left_ms));
    if (ready < 0 && errno != EINTR) return fail_errno("poll", errno);
    if (ready <= 0) continue;
    if (fds[1].revents != 0 && limit.go_on && !limit.go_on()) return fail("given up, the agent ends");
    if (fds[0].revents != 0) return {};
  }
}

Result<Fd> connect_tcp(const std::string& host, uint16_t port, const WaitLimit& limit) {
  const auto addresses = resolve(host, port, limit);
  if (!addresses) return tl::unexpected(addresses.error());
  std::string why = "it has no address";
  size_t left = addresses->size();
  for (const Address& address : *addresses) {
    // An address that does not answer takes its share of the time, not that of the others.
    WaitLimit share = limit;
    const uint64_t now_ns = monotonic_now_ns();
    if (limit.deadline_ns > now_ns) share.deadline_ns = now_ns + (limit.deadline_ns - now_ns) / left;
    --left;
    Result<Fd> fd = connect_to(address, share);
    if (fd) return fd;
    why = fd.error().message;
  }
  return fail("cannot connect to " + host_and_port(host, port) + ": " + why);
}

Result<Fd> connect_udp(const std::string& host, uint16_t port, size_t turn, const WaitLimit& limit) {
  const auto addresses = resolve(host, port, limit);
  if (!addresses) return tl::unexpected(addresses.error());
  std::string why = "it has no address";
  for (size_t i = 0; i < addresses->size(); ++i) {
    Result<Fd> fd = connect_datagrams_to((*addresses)[(turn + i) % addresses->size()]);
    if (fd) return fd;
    why = fd.error().message;
  }
  return fail("no way to " + host_and_port(host, port) + " over UDP: " + why);
}

Result<Fd> listen_on_loopback(const std::string& address, uint16_t port) {
  Result<Fd> fd = bind_to_loopback(address, port, SOCK_STREAM);
  if (fd && ::listen(fd->get(), 128) != 0) return fail_errno("cannot listen on " + host_and_port(address, port), errno);
  return fd;
}

Result<Fd> udp_on_loopback(const std::string& address, uint16_t port) {
  return bind_to_loopback(address, port, SOCK_DGRAM);
}

uint16_t local_port(int fd) {
  const Address address = name_of(fd, ::getsockname);
  if (address.size == 0) return 0;
  if (address.bytes.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&address.bytes)->sin_port);
  return ntohs(reinterpret_cast<const sockaddr_in6*>(&address.bytes)->sin6_port);
}

std::string address_text(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  if (address.ss_family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr;
  return ::inet_ntop(address.ss_family, bytes, text.data(), text.size()) == nullptr ? "" : text.data();
}

std::string local_address(int fd) {
  const Address address = name_of(fd, ::getsockname);
  return address.size == 0 ? std::string() : address_text(address.bytes);
}

std::string host_and_port(const std::string& host, uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

}  // namespace tiercel::wazuh
