#include "siem/local/syslog_link.h"

#include <fmt/core.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/base/fd.h"
#include "agent/http/stream.h"

namespace tiercel::siem {
namespace {

using Way = SyslogAddress::Way;
using Outcome = SyslogLink::Written::Result;

SyslogLink::Written broken(const std::string& what, int code) {
  return {Outcome::kBroken, 0, fail_errno(what, code).value().message};
}

// The kernel's numbers of a TCP's states; <netinet/tcp.h> names them, and does not go with <linux/tcp.h>.
constexpr int kTcpEstablished = 1, kTcpCloseWait = 8;

// The end of every wait.
class StopFd {
 public:
  void stop() {
    const uint64_t one = 1;
    while (::write(fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
  }
  [[nodiscard]] bool wait_writable(int fd, int timeout_ms) const {
    std::array<pollfd, 2> fds{{{fd, POLLOUT, 0}, {fd_.get(), POLLIN, 0}}};
    return ::poll(fds.data(), fds.size(), timeout_ms) > 0 && fds[1].revents == 0;
  }

 private:
  const Fd fd_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

// Sockets of our own: Unix and UDP.
class SocketLink : public SyslogLink {
 public:
  [[nodiscard]] bool connected() const override { return socket_.valid(); }
  void close() override { socket_.reset(); }
  void stop() override { stop_.stop(); }
  bool wait_writable(int timeout_ms) override { return stop_.wait_writable(socket_.get(), timeout_ms); }
  [[nodiscard]] Written write(std::string_view bytes) override;
  [[nodiscard]] Peer peer() override;

 protected:
  Fd socket_;
  StopFd stop_;
};

SyslogLink::Written SocketLink::write(std::string_view bytes) {
  for (;;) {
    const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) return {Outcome::kSome, static_cast<size_t>(n), {}};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS) return {Outcome::kNotNow, 0, {}};
    if (errno == EMSGSIZE) return {Outcome::kTooLong, 0, {}};
    return broken("cannot send", errno);
  }
}

// A datagram socket has no end; its errors come with the next write.
SyslogLink::Peer SocketLink::peer() {
  std::array<char, 4096> bytes;
  for (;;) {
    const ssize_t n = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    if (framing() == Framing::kNone) return Peer::kOpen;
    if (n == 0) return Peer::kClosed;
    return errno == EAGAIN ? Peer::kOpen : Peer::kBroken;
  }
}

class UnixLink final : public SocketLink {
 public:
  explicit UnixLink(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] Result<> connect() override;
  [[nodiscard]] uint64_t place() override { return ++place_; }
  [[nodiscard]] uint64_t reached() override;
  [[nodiscard]] Framing framing() const override { return stream_ ? Framing::kLineFeed : Framing::kNone; }

 private:
  const std::string path_;
  bool stream_ = false;
  uint64_t place_ = 0, reached_ = 0;
};

Result<> UnixLink::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) return fail("the path is too long for a socket", Fault::kUser);
  std::memcpy(address.sun_path, path_.data(), path_.size());
  int code = 0;
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    Fd made(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!made.valid()) return fail_errno("cannot make a socket", errno);
    if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      socket_ = std::move(made);
      stream_ = type == SOCK_STREAM;
      return {};
    }
    code = errno;
    if (code != EPROTOTYPE) break;
  }
  return fail_errno("nobody listens there", code);
}

uint64_t UnixLink::reached() {
  if (!stream_) return reached_ = place_;
  int unread = 0;
  if (::ioctl(socket_.get(), SIOCOUTQ, &unread) == 0 && unread == 0) reached_ = place_;
  return reached_;
}

class UdpLink final : public SocketLink {
 public:
  explicit UdpLink(SyslogAddress address) : address_(std::move(address)) {}

  [[nodiscard]] Result<> connect() override;
  [[nodiscard]] uint64_t place() override { return 0; }
  [[nodiscard]] uint64_t reached() override { return 0; }
  [[nodiscard]] Framing framing() const override { return Framing::kNone; }

 private:
  const SyslogAddress address_;
};

// Waits for the name service as long as the host's resolver does.
Result<> UdpLink::connect() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(address_.host.c_str(), std::to_string(address_.port).c_str(), &hints, &list);
  if (code != 0) return fail("no address is known: " + std::string(::gai_strerror(code)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  int why = 0;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    Fd made(::socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (made.valid() && ::connect(made.get(), at->ai_addr, at->ai_addrlen) == 0) {
      socket_ = std::move(made);
      return {};
    }
    why = errno;
  }
  return fail_errno("there is no way to it", why);
}

class StreamLink final : public SyslogLink {
 public:
  explicit StreamLink(http::StreamOptions options) : stream_(std::move(options)) {}

  [[nodiscard]] Result<> connect() override;
  [[nodiscard]] bool connected() const override { return stream_.connected(); }
  void close() override { stream_.close(); }
  void stop() override {
    stop_.stop();
    stream_.stop();
  }
  [[nodiscard]] Written write(std::string_view bytes) override;
  bool wait_writable(int timeout_ms) override { return stop_.wait_writable(stream_.fd(), timeout_ms); }
  [[nodiscard]] Peer peer() override;
  [[nodiscard]] uint64_t place() override;
  [[nodiscard]] uint64_t reached() override;
  [[nodiscard]] Framing framing() const override { return Framing::kOctetCount; }

 private:
  [[nodiscard]] uint64_t acknowledged() const;

  http::Stream stream_;
  StopFd stop_;
  uint64_t place_ = 0;
};

Result<> StreamLink::connect() {
  place_ = 0;
  return stream_.connect();
}

SyslogLink::Written StreamLink::write(std::string_view bytes) {
  auto sent = stream_.write(bytes);
  if (!sent) return {Outcome::kBroken, 0, sent.error().message};
  return {*sent == 0 ? Outcome::kNotNow : Outcome::kSome, *sent, {}};
}

SyslogLink::Peer StreamLink::peer() {
  switch (stream_.peer()) {
    case http::Stream::Peer::kOpen:
      return Peer::kOpen;
    case http::Stream::Peer::kClosed:
      return Peer::kClosed;
    case http::Stream::Peer::kBroken:
      break;
  }
  return Peer::kBroken;
}

uint64_t StreamLink::acknowledged() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(stream_.fd(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_acked : 0;
}

// Bytes on the wire, with TLS's own. An acknowledgement that comes between the two calls makes the place come out too
// far, and those after it no nearer; then it is reached when nothing is outstanding.
uint64_t StreamLink::place() {
  int outstanding = 0;
  if (::ioctl(stream_.fd(), SIOCOUTQ, &outstanding) != 0) return UINT64_MAX;
  return place_ = std::max(place_, acknowledged() + static_cast<uint64_t>(outstanding));
}

uint64_t StreamLink::reached() {
  int outstanding = 0;
  const bool all = ::ioctl(stream_.fd(), SIOCOUTQ, &outstanding) == 0 && outstanding == 0;
  // A socket that was reset has nothing outstanding either.
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(stream_.fd(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  const bool alive = info.tcpi_state == kTcpEstablished || info.tcpi_state == kTcpCloseWait;
  return all && alive ? place_ : info.tcpi_bytes_acked;
}

}  // namespace

std::unique_ptr<SyslogLink> make_syslog_link(SyslogLinkOptions options) {
  const SyslogAddress& to = options.address;
  switch (to.way) {
    case Way::kUnix:
      return std::make_unique<UnixLink>(to.path);
    case Way::kUdp:
      return std::make_unique<UdpLink>(to);
    case Way::kTcp:
    case Way::kTls:
      break;
  }
  return std::make_unique<StreamLink>(http::StreamOptions{to.host, to.port, to.way == Way::kTls, options.ca_file,
                                                          options.client_certificate, options.client_key,
                                                          options.connect_timeout_ms});
}

}  // namespace tiercel::siem
