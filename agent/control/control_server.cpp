#include "agent/control/control_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "agent/base/log.h"
#include "agent/base/thread.h"
#include "agent/control/message.h"

namespace tiercel::control {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr size_t kReadBytes = 4096;
constexpr mode_t kSocketMode = 0660;
constexpr mode_t kLockMode = 0600;
constexpr mode_t kFolderMode = 0755;  // the socket's own mode decides who may talk

bool names_agent_user(uid_t uid) {
  return uid == 0 || uid == ::geteuid();
}

// Who listens on the socket, or 0 when nobody does.
pid_t listener_of(const sockaddr_un& address) {
  Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(probe.get(), generic, sizeof address) != 0 && errno != EAGAIN) return 0;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return 0;
  return peer.pid;
}

}  // namespace

struct ControlServer::Connection {
  Fd fd;
  uid_t uid = 0;
  pid_t pid = 0;
  std::string in, out;
  SteadyTime deadline;
  bool ending = false;  // hang up when everything is written
  bool ended = false;
};

ControlServer::ControlServer(Options options, Metrics& metrics)
    : options_(std::move(options)),
      refused_(metrics.counter("tiercel_control_refused_total",
                               "Connections and requests on the control socket that were refused")) {}

ControlServer::~ControlServer() {
  stop();
}

void ControlServer::on(const std::string& command, Handler handler) {
  handlers_[command] = std::move(handler);
}

Result<> ControlServer::take_lock() {
  const std::string path = options_.socket_path + ".lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kLockMode));
  if (!fd.valid()) return fail_errno("cannot make the lock file " + path, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("cannot lock " + path, errno);
    return fail("tiercel is already running (" + path + " is locked): stop it first, or give this one its own run_dir",
                Fault::kUser);
  }
  lock_fd_ = std::move(fd);
  return {};
}

Result<> ControlServer::bind_socket() {
  const std::string& path = options_.socket_path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail("the control socket's path is longer than " + std::to_string(sizeof address.sun_path - 1) +
                    " bytes: " + path + "; choose a shorter run_dir",
                Fault::kUser);
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat st {};
  if (::lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode)) return fail(path + " is in the way and is no socket: remove it", Fault::kUser);
    if (const pid_t pid = listener_of(address); pid != 0)
      return fail("tiercel is already running (process " + std::to_string(pid) + " listens on " + path +
                      "): stop it first, or give this one its own run_dir",
                  Fault::kUser);
    ::unlink(path.c_str());
  }
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno("cannot make the control socket", errno);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot bind the control socket " + path, errno);
  // Nobody gets in between: a socket that does not listen yet refuses everybody.
  if (::chmod(path.c_str(), kSocketMode) != 0) return fail_errno("cannot set the mode of " + path, errno);
  if (::listen(fd.get(), static_cast<int>(options_.connections_max)) != 0)
    return fail_errno("cannot listen on " + path, errno);
  listen_fd_ = std::move(fd);
  return {};
}

Result<> ControlServer::start() {
  if (const size_t slash = options_.socket_path.rfind('/'); slash != std::string::npos && slash > 0)
    ::mkdir(options_.socket_path.substr(0, slash).c_str(), kFolderMode);  // if it fails, the next step says so
  if (auto locked = take_lock(); !locked) return locked;
  if (auto bound = bind_socket(); !bound) {
    lock_fd_.reset();
    return bound;
  }
  wake_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd_.valid()) return fail_errno("cannot make an eventfd", errno);
  stopping_ = false;
  thread_ = start_thread("control", [this] { run(); });
  return {};
}

void ControlServer::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const uint64_t one = 1;
  while (::write(wake_fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  connections_.clear();
  listen_fd_.reset();
  ::unlink(options_.socket_path.c_str());
  lock_fd_.reset();  // last: the next agent may start from here on
}

void ControlServer::run() {
  while (!stopping_) {
    std::vector<pollfd> fds{{wake_fd_.get(), POLLIN, 0}, {listen_fd_.get(), POLLIN, 0}};
    auto now = std::chrono::steady_clock::now();
    auto timeout = std::chrono::milliseconds(-1);
    for (const Connection& connection : connections_) {
      fds.push_back({connection.fd.get(), static_cast<short>(connection.out.empty() ? POLLIN : POLLOUT), 0});
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::max(connection.deadline, now) - now);
      timeout = timeout.count() < 0 ? left : std::min(timeout, left);
    }
    if (::poll(fds.data(), fds.size(), static_cast<int>(timeout.count())) < 0 && errno != EINTR) {
      log::error("the control socket stops: poll failed with error {}", errno);
      return;
    }
    now = std::chrono::steady_clock::now();
    size_t index = 2;
    for (Connection& connection : connections_) {
      const short events = fds[index++].revents;
      if (connection.out.empty() && (events & (POLLIN | POLLHUP | POLLERR)) != 0)
        read_from(connection);
      else if (!connection.out.empty() && (events & (POLLOUT | POLLHUP | POLLERR)) != 0)
        write_on(connection);
      if (now >= connection.deadline) connection.ended = true;
    }
    connections_.remove_if([](const Connection& connection) { return connection.ended; });
    if ((fds[1].revents & POLLIN) != 0) accept_all();
  }
}

void ControlServer::accept_all() {
  for (;;) {
    Fd fd(::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) return;
    ucred peer{};
    socklen_t size = sizeof peer;
    const bool known = ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    Connection connection;
    connection.fd = std::move(fd);
    connection.uid = peer.uid;
    connection.pid = peer.pid;
    connection.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.deadline_ms);
    const char* refusal = nullptr;
    if (!known || !names_agent_user(peer.uid))
      refusal = "only root and the agent's own user may use the control socket";
    else if (connections_.size() >= options_.connections_max)
      refusal = "too many clients at once: try again";
    if (refusal != nullptr) {
      refused_.add();
      connection.out = error_reply(refusal) + '\n';
      write_to(connection);  // what does not fit into the socket's buffer at once is not worth waiting for
      continue;
    }
    connections_.push_back(std::move(connection));
  }
}

void ControlServer::read_from(Connection& connection) {
  char bytes[kReadBytes];
  const ssize_t n = ::recv(connection.fd.get(), bytes, sizeof bytes, 0);
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR) connection.ended = true;
    return;
  }
  if (n == 0) {
    connection.ended = true;
    return;
  }
  connection.in.append(bytes, static_cast<size_t>(n));
  answer_lines(connection);
}

// One line at a time: the next one is looked at when the reply is on its way, so a client that does not read its
// replies cannot make us keep them.
void ControlServer::answer_lines(Connection& connection) {
  while (connection.out.empty() && !connection.ended) {
    const size_t line_break = connection.in.find('\n');
    const size_t size = line_break == std::string::npos ? connection.in.size() : line_break;
    if (size > options_.line_bytes_max) {
      refused_.add();
      connection.in.clear();
      connection.out =
          error_reply("a request has at most " + std::to_string(options_.line_bytes_max) + " bytes") + '\n';
      connection.ending = true;
    } else if (line_break == std::string::npos) {
      return;
    } else {
      const std::string line = connection.in.substr(0, line_break);
      connection.in.erase(0, line_break + 1);
      answer(connection, line);
    }
    // From when the reply is made: a slow handler is not the client's fault.
    connection.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.deadline_ms);
    write_to(connection);
  }
}

void ControlServer::answer(Connection& connection, const std::string& line) {
  auto request = parse_request(line);
  if (!request) {
    refused_.add();
    connection.out = error_reply(request.error().message) + '\n';
    return;
  }
  auto handler = handlers_.find(request->command);
  if (handler == handlers_.end()) {
    refused_.add();
    std::string known;
    for (const auto& [command, unused] : handlers_) known += (known.empty() ? "" : ", ") + command;
    connection.out = error_reply("unknown command '" + request->command + "'; known: " + known) + '\n';
    return;
  }
  request->uid = connection.uid;
  request->pid = connection.pid;
  connection.out = handler->second(*request) + '\n';
}

void ControlServer::write_on(Connection& connection) {
  write_to(connection);
  answer_lines(connection);  // that came while the reply was on its way
}

void ControlServer::write_to(Connection& connection) {
  while (!connection.out.empty()) {
    const ssize_t n = ::send(connection.fd.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {
      connection.ended = true;
      return;
    }
    connection.out.erase(0, static_cast<size_t>(n));
  }
  if (connection.ending) connection.ended = true;
}

}  // namespace tiercel::control
