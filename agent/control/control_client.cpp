#include "agent/control/control_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>

#include "agent/base/fd.h"
#include "agent/control/message.h"

namespace tiercel::control {
namespace {

using std::chrono::steady_clock;

constexpr size_t kReplyBytesMax = 16u << 20;
constexpr int kBusyRetryMs = 10;

class Call {
 public:
  Call(const std::string& path, int timeout_ms)
      : path_(path), deadline_(steady_clock::now() + std::chrono::milliseconds(timeout_ms)) {}

  Result<> connect();
  Result<> send(std::string_view bytes);
  Result<std::string> receive_line();

 private:
  [[nodiscard]] int left_ms() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - steady_clock::now());
    return static_cast<int>(std::max<int64_t>(0, left.count()));
  }
  Result<> wait(short events) {
    for (;;) {
      pollfd fd{fd_.get(), events, 0};
      const int ready = ::poll(&fd, 1, left_ms());
      if (ready > 0) return {};
      if (ready == 0) return fail("the agent does not answer on " + path_ + ": see its log");
      if (errno != EINTR) return fail_errno("poll", errno);
    }
  }

  const std::string& path_;
  const steady_clock::time_point deadline_;
  Fd fd_;
};

Result<> Call::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.empty() || path_.size() >= sizeof address.sun_path)
    return fail("the control socket's path is too long: " + path_, Fault::kUser);
  std::memcpy(address.sun_path, path_.data(), path_.size());
  fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_.valid()) return fail_errno("cannot make a socket", errno);
  for (;;) {
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
    switch (errno) {
      case EINTR:
        continue;
      case EAGAIN:  // its queue is full
        if (left_ms() == 0) return fail("the agent is too busy to answer on " + path_);
        ::poll(nullptr, 0, std::min(kBusyRetryMs, left_ms()));
        continue;
      case ENOENT:
      case ECONNREFUSED:
        return fail("the agent is not running (nobody listens on " + path_ + "): start it with tiercel run");
      case EACCES:
      case EPERM:
        return fail("not allowed to use " + path_ + ": run this as root", Fault::kUser);
      default:
        return fail_errno("cannot reach the agent on " + path_, errno);
    }
  }
}

Result<> Call::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      if (auto ready = wait(POLLOUT); !ready) return ready;
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return {};  // it hung up, but may have said why
    } else if (errno != EINTR) {
      return fail_errno("cannot write to " + path_, errno);
    }
  }
  return {};
}

Result<std::string> Call::receive_line() {
  std::string reply;
  char bytes[16384];
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (n > 0) {
      const std::string_view got(bytes, static_cast<size_t>(n));
      const size_t line_break = got.find('\n');
      reply += got.substr(0, line_break);
      if (line_break != std::string_view::npos) return reply;
      if (reply.size() > kReplyBytesMax) return fail("the agent's reply on " + path_ + " does not end", Fault::kBug);
    } else if (n == 0 || errno == ECONNRESET) {
      return fail("the agent hung up on " + path_ + " without a reply: see its log");
    } else if (errno == EAGAIN) {
      if (auto ready = wait(POLLIN); !ready) return tl::unexpected(ready.error());
    } else if (errno != EINTR) {
      return fail_errno("cannot read from " + path_, errno);
    }
  }
}

}  // namespace

Result<std::string> call(const std::string& socket_path, const std::string& command,
                         const std::map<std::string, std::string>& arguments, int timeout_ms) {
  Call call(socket_path, timeout_ms);
  if (auto connected = call.connect(); !connected) return tl::unexpected(connected.error());
  if (auto sent = call.send(request_line(command, arguments) + '\n'); !sent) return tl::unexpected(sent.error());
  auto reply = call.receive_line();
  if (!reply) return reply;
  if (std::string message = error_of(*reply); !message.empty()) return fail(std::move(message), Fault::kUser);
  return reply;
}

}  // namespace tiercel::control
