#include "agent/health/page_server.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "agent/base/log.h"
#include "agent/base/thread.h"

namespace tiercel::health {
namespace {

using std::chrono::steady_clock;

constexpr size_t kReadBytes = 4'096;
constexpr size_t kDrainedBytesMax = 65'536;
constexpr int kLowestShare = 19;
constexpr size_t kUrlBytesMax = 2'048;

Page refusal(int status, std::string why) {
  return {status, "text/plain; charset=utf-8", std::move(why) + "\n"};
}

const char* reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

// The end of the headers; npos: they are not all there.
size_t end_of_headers(std::string_view bytes) {
  const size_t strict = bytes.find("\r\n\r\n");
  const size_t bare = bytes.find("\n\n");  // typed by hand: RFC 9112, 2.2 lets us take it
  return std::min(strict == std::string_view::npos ? strict : strict + 4,
                  bare == std::string_view::npos ? bare : bare + 2);
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

tl::expected<Asked, Page> parse_request(std::string_view bytes) {
  std::string_view line = bytes.substr(0, bytes.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  const size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return tl::unexpected(refusal(400, "a request begins with METHOD /PATH HTTP/1.1"));
  const std::string_view method = line.substr(0, first), target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!version.starts_with("HTTP/")) return tl::unexpected(refusal(400, "a request begins with METHOD /PATH HTTP/1.1"));
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return tl::unexpected(refusal(505, "HTTP/1.1 only"));
  if (target.size() > kUrlBytesMax || !is_visible(target) || !target.starts_with('/'))
    return tl::unexpected(refusal(400, "that is no path"));
  if (method != "GET" && method != "HEAD") return tl::unexpected(refusal(405, "GET and HEAD only"));
  const size_t question = target.find('?');
  return Asked{std::string(target.substr(0, question)),
               question == std::string_view::npos ? "" : std::string(target.substr(question + 1)), method == "HEAD"};
}

struct PageServer::Connection {
  enum class State : uint8_t { kReading, kWriting, kDraining, kEnded };
  Fd fd;
  steady_clock::time_point deadline;
  State state = State::kReading;
  std::string in, out;
  size_t drained = 0;
};

PageServer::PageServer(Options options, Metrics& metrics)
    : options_(std::move(options)),
      requests_(metrics.counter("tiercel_http_requests_total", "Requests for this page and its like")),
      refused_(metrics.counter("tiercel_http_refused_total",
                               "Clients that were refused: no HTTP, no such page, too slow or too many")) {}

PageServer::~PageServer() {
  stop();
}

void PageServer::on(const std::string& path, Handler handler) {
  handlers_[path] = std::move(handler);
}

Result<> PageServer::start() {
  auto listening = options_.listen.listen(static_cast<int>(options_.connections_max));
  if (!listening) return tl::unexpected(listening.error());
  listen_fd_ = std::move(*listening);
  wake_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd_.valid()) return fail_errno("cannot make an eventfd", errno);
  stopping_ = false;
  thread_ = start_thread("metrics", [this] { run(); });
  return {};
}

void PageServer::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const uint64_t one = 1;
  while (::write(wake_fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  connections_.clear();
  listen_fd_.reset();
  if (!options_.listen.path.empty()) ::unlink(options_.listen.path.c_str());
}

void PageServer::run() {
  ::setpriority(PRIO_PROCESS, 0, kLowestShare);  // of this thread only: setpriority(2), "C library/kernel differences"
  while (!stopping_) {
    std::vector<pollfd> fds{{wake_fd_.get(), POLLIN, 0}, {listen_fd_.get(), POLLIN, 0}};
    auto now = steady_clock::now();
    int timeout_ms = -1;
    for (const Connection& connection : connections_) {
      const bool writing = connection.state == Connection::State::kWriting;
      fds.push_back({connection.fd.get(), static_cast<short>(writing ? POLLOUT : POLLIN), 0});
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::max(connection.deadline, now) - now);
      timeout_ms =
          timeout_ms < 0 ? static_cast<int>(left.count()) : std::min(timeout_ms, static_cast<int>(left.count()));
    }
    if (::poll(fds.data(), fds.size(), timeout_ms) < 0 && errno != EINTR) {
      log::error("{} answers no more: poll failed with error {}", options_.listen.text, errno);
      return;
    }
    now = steady_clock::now();
    size_t index = 2;
    for (Connection& connection : connections_) {
      if (fds[index++].revents != 0) go_on(connection);
      if (now < connection.deadline || connection.state == Connection::State::kEnded) continue;
      if (connection.state != Connection::State::kDraining) refused_.add();
      connection.state = Connection::State::kEnded;
    }
    connections_.remove_if([](const Connection& c) { return c.state == Connection::State::kEnded; });
    if ((fds[1].revents & POLLIN) != 0) accept_all();
  }
}

// Not more than there is room for at a time: what connected meanwhile waits in the kernel for the next turn.
void PageServer::accept_all() {
  for (size_t taken = 0; taken < options_.connections_max; ++taken) {
    Fd fd(::accept4(listen_fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) return;
    if (connections_.size() >= options_.connections_max) make_room();
    Connection& connection = connections_.emplace_back();
    connection.fd = std::move(fd);
    connection.deadline = steady_clock::now() + std::chrono::milliseconds(options_.deadline_ms);
    read_from(connection);  // who asks at once never waits for a turn
  }
}

void PageServer::make_room() {
  using State = Connection::State;
  auto longest = std::find_if(connections_.begin(), connections_.end(), [](const Connection& c) {
    return c.state == State::kEnded || c.state == State::kDraining;
  });
  if (longest == connections_.end())
    longest = std::find_if(connections_.begin(), connections_.end(),
                           [](const Connection& c) { return c.state == State::kReading; });
  if (longest == connections_.end()) longest = connections_.begin();
  if (longest->state == State::kReading || longest->state == State::kWriting) refused_.add();
  connections_.erase(longest);
}

void PageServer::go_on(Connection& connection) {
  if (connection.state == Connection::State::kWriting)
    write_to(connection);
  else
    read_from(connection);
}

void PageServer::read_from(Connection& connection) {
  using State = Connection::State;
  char bytes[kReadBytes];
  while (connection.state == State::kReading || connection.state == State::kDraining) {
    const ssize_t n = ::recv(connection.fd.get(), bytes, sizeof bytes, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      if (connection.state == State::kReading) refused_.add();
      connection.state = State::kEnded;
      return;
    }
    if (connection.state == State::kDraining) {
      connection.drained += static_cast<size_t>(n);
      if (connection.drained > kDrainedBytesMax) connection.state = State::kEnded;
      continue;
    }
    connection.in.append(bytes, static_cast<size_t>(n));
    const size_t end = end_of_headers(connection.in);
    if (end == std::string::npos && connection.in.size() <= options_.request_bytes_max) continue;
    if (end == std::string::npos || end > options_.request_bytes_max) {
      answer(connection, refusal(431, fmt::format("a request has at most {} bytes", options_.request_bytes_max)),
             false);
      continue;
    }
    const auto asked = parse_request(std::string_view(connection.in).substr(0, end));
    answer(connection, asked ? page_for(*asked) : asked.error(), asked && asked->head);
  }
}

Page PageServer::page_for(const Asked& asked) const {
  const auto handler = handlers_.find(asked.path);
  if (handler != handlers_.end()) return handler->second(asked.query);
  std::string known;
  for (const auto& [path, unused] : handlers_) known += (known.empty() ? "" : ", ") + path;
  return refusal(404, "no such page; there are: " + known);
}

void PageServer::answer(Connection& connection, const Page& page, bool head) {
  requests_.add();
  if (page.status >= 400 && page.status != 503) refused_.add();
  connection.out = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Cache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{}",
      page.status, reason(page.status), page.type, page.body.size(), page.status == 405 ? "Allow: GET, HEAD\r\n" : "",
      head ? "" : page.body);
  connection.in = {};
  connection.state = Connection::State::kWriting;
  write_to(connection);
}

// Ends with the client's own end: closing while bytes of its lie unread would take our answer from it (RFC 9112, 9.6).
void PageServer::write_to(Connection& connection) {
  while (!connection.out.empty()) {
    const ssize_t n = ::send(connection.fd.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {
      connection.state = Connection::State::kEnded;
      return;
    }
    connection.out.erase(0, static_cast<size_t>(n));
  }
  ::shutdown(connection.fd.get(), SHUT_WR);
  connection.state = Connection::State::kDraining;
}

}  // namespace tiercel::health
