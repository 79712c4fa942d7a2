#include "agent/base/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace tiercel {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr mode_t kSocketMode = 0660;

Result<ListenAddress> wrong(const std::string& text) {
  return fail("must be ADDRESS:PORT, [IPV6]:PORT or unix:/PATH, with numbers, not '" + text + "'", Fault::kUser);
}

Result<ListenAddress> unix_address(const std::string& text) {
  ListenAddress out{.text = text, .path = text.substr(kUnix.size()), .loopback = true};
  if (!out.path.starts_with("/"))
    return fail("needs an absolute path after unix:, not '" + out.path + "'", Fault::kUser);
  if (out.path.size() >= sizeof(sockaddr_un::sun_path))
    return fail("a socket's path has at most " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes",
                Fault::kUser);
  return out;
}

// Gives the size of what it filled; 0: the host is no number.
socklen_t fill(const ListenAddress& address, sockaddr_storage& into) {
  into = {};
  if (auto* six = reinterpret_cast<sockaddr_in6*>(&into);
      ::inet_pton(AF_INET6, address.host.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(address.port);
    return sizeof *six;
  }
  into = {};
  auto* four = reinterpret_cast<sockaddr_in*>(&into);
  if (::inet_pton(AF_INET, address.host.c_str(), &four->sin_addr) != 1) return 0;
  four->sin_family = AF_INET;
  four->sin_port = htons(address.port);
  return sizeof *four;
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6)
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  return (ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24) == 127;
}

// Does somebody listen there?
bool answers(const sockaddr_un& address) {
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN;
}

Result<Fd> listen_unix(const std::string& path, int backlog) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat st {};
  if (::lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode)) return fail(path + " is in the way and is no socket: remove it", Fault::kUser);
    if (answers(address)) return fail("somebody listens on " + path + " already", Fault::kUser);
    ::unlink(path.c_str());
  }
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot bind " + path, errno);
  // Nobody gets in between: a socket that does not listen yet refuses everybody.
  if (::chmod(path.c_str(), kSocketMode) != 0 || ::listen(fd.get(), backlog) != 0)
    return fail_errno("cannot listen on " + path, errno);
  return fd;
}

}  // namespace

Result<ListenAddress> ListenAddress::parse(const std::string& text) {
  if (text.starts_with(kUnix)) return unix_address(text);
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong(text);
  ListenAddress out{.text = text, .host = text.substr(0, colon)};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + colon + 1, end, out.port);
  if (error != std::errc() || at != end || out.port == 0) return wrong(text);
  const bool bracketed = out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']';
  if (bracketed) out.host = out.host.substr(1, out.host.size() - 2);
  sockaddr_storage address{};
  if (fill(out, address) == 0 || bracketed != (address.ss_family == AF_INET6)) return wrong(text);
  out.loopback = is_loopback(address);
  return out;
}

Result<Fd> ListenAddress::listen(int backlog) const {
  if (host.empty()) return listen_unix(path, backlog);
  sockaddr_storage address{};
  const socklen_t size = fill(*this, address);
  if (size == 0) return fail("no address: " + text, Fault::kUser);
  Fd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno("cannot make a socket for " + text, errno);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ss_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(fd.get(), backlog) != 0)
    return fail_errno("cannot listen on " + text, errno);
  return fd;
}

}  // namespace tiercel
