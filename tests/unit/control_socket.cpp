#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/base/fd.h"
#include "agent/control/control_client.h"
#include "agent/control/control_server.h"
#include "agent/control/message.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::control;
using tiercel::siem::test::TempDir;

namespace {

std::unique_ptr<ControlServer> make_server(const std::string& path, Metrics& metrics, int deadline_ms = 20'000) {
  auto server = std::make_unique<ControlServer>(
      ControlServer::Options{.socket_path = path, .deadline_ms = deadline_ms, .connections_max = 4}, metrics);
  server->on("status", [](const Request& request) {
    return "{\"pid\":" + std::to_string(request.pid) + ",\"uid\":" + std::to_string(request.uid) + "}";
  });
  server->on("echo", [](const Request& request) { return error_reply(request.argument("text", "nothing")); });
  server->on("big", [](const Request&) { return "\"" + std::string(4 << 20, 'x') + "\""; });
  return server;
}

Fd raw_connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

// Up to a line break, or the end of the connection; takes no byte beyond it.
std::string read_line(const Fd& fd) {
  std::string line;
  std::vector<char> bytes(1 << 16);
  for (;;) {
    const ssize_t seen = ::recv(fd.get(), bytes.data(), bytes.size(), MSG_PEEK);
    if (seen <= 0) return line;
    const std::string_view text(bytes.data(), static_cast<size_t>(seen));
    const size_t line_break = text.find('\n');
    line += text.substr(0, line_break);
    const size_t taken = line_break == std::string_view::npos ? text.size() : line_break + 1;
    if (::recv(fd.get(), bytes.data(), taken, 0) != static_cast<ssize_t>(taken)) return line;
    if (line_break != std::string_view::npos) return line;
  }
}

void send_text(const Fd& fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t n = ::send(fd.get(), text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return;
    at += static_cast<size_t>(n);
  }
}

}  // namespace

TEST_CASE("control: a request and its reply, by the right user, mode 0660") {
  TempDir dir;
  Metrics metrics;
  const std::string path = dir / "run/tiercel.sock";  // the folder is made
  auto server = make_server(path, metrics);
  REQUIRE(server->start());
  struct stat st {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0660);
  auto reply = call(path, "status");
  REQUIRE(reply);
  CHECK(*reply == "{\"pid\":" + std::to_string(::getpid()) + ",\"uid\":" + std::to_string(::geteuid()) + "}");
  const auto echoed = call(path, "echo", {{"text", "a \"b\"\n\\ \xc3\xa4"}});
  REQUIRE_FALSE(echoed);
  CHECK(echoed.error().message == "a \"b\"\n\\ \xc3\xa4");
  const auto big = call(path, "big");
  REQUIRE(big);
  CHECK(big->size() == (4u << 20) + 2);
  server->stop();
  CHECK(::stat(path.c_str(), &st) != 0);
  server->stop();  // idempotent
}

TEST_CASE("control: several requests on one connection, also sent at once") {
  TempDir dir;
  Metrics metrics;
  auto server = make_server(dir / "s", metrics);
  REQUIRE(server->start());
  Fd fd = raw_connect(dir / "s");
  send_text(fd, "{\"command\":\"echo\",\"text\":1}\n{\"command\":\"big\"}\n{\"command\":\"echo\",\"text\":true}\n");
  CHECK(read_line(fd) == error_reply("1"));
  CHECK(read_line(fd).size() == (4u << 20) + 2);
  CHECK(read_line(fd) == error_reply("true"));
  send_text(fd, "{\"command\":\"ec");
  send_text(fd, "ho\"}\n");
  CHECK(read_line(fd) == error_reply("nothing"));
}

TEST_CASE("control: mistakes and hostile lines get a reply, and the server lives on") {
  TempDir dir;
  Metrics metrics;
  auto server = make_server(dir / "s", metrics);
  REQUIRE(server->start());
  Fd fd = raw_connect(dir / "s");
  const std::vector<std::string> bad = {"",
                                        "{}",
                                        "[]",
                                        "status",
                                        "{\"command\":1}",
                                        "{\"command\":null}",
                                        "{\"command\":\"status\",\"a\":{}}",
                                        "{\"command\":\"status\",\"a\":[1]}",
                                        "{\"command\":\"status\"} x",
                                        "{\"command\":\"\xff\"}",
                                        "{\"command: \xed",
                                        "{\"command: \xf0\x9f",
                                        std::string("{\"command\":\"status\"}\0x", 22),
                                        std::string(60'000, '['),
                                        std::string(60'000, '{')};
  for (const std::string& line : bad) {
    send_text(fd, line + "\n");
    CHECK(read_line(fd).starts_with("{\"error\":\"a request "));
  }
  CHECK(metrics.sum("tiercel_control_refused_total") == bad.size());
  send_text(fd, "{\"command\":\"no\\u0000such\\n\"}\n");
  CHECK(read_line(fd).find("unknown command") != std::string::npos);
  const auto unknown = call(dir / "s", "stauts");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message == "unknown command 'stauts'; known: big, echo, status");
  // Too long a line: an answer, then the end.
  send_text(fd, std::string(70'000, 'x'));
  CHECK(read_line(fd).find("at most 65536 bytes") != std::string::npos);
  CHECK(read_line(fd).empty());
  CHECK(call(dir / "s", "status"));
}

TEST_CASE("control: a client that says nothing is hung up on") {
  TempDir dir;
  Metrics metrics;
  auto server = make_server(dir / "s", metrics, 50);
  REQUIRE(server->start());
  Fd silent = raw_connect(dir / "s");
  Fd halfway = raw_connect(dir / "s");
  send_text(halfway, "{\"command\":");
  CHECK(read_line(silent).empty());  // returns only when hung up on
  CHECK(read_line(halfway).empty());
}

TEST_CASE("control: more than enough clients are sent away, and served when there is room again") {
  TempDir dir;
  Metrics metrics;
  auto server = make_server(dir / "s", metrics);
  REQUIRE(server->start());
  std::vector<Fd> silent;
  for (int i = 0; i < 4; ++i) silent.push_back(raw_connect(dir / "s"));
  Fd one_more = raw_connect(dir / "s");  // they are taken in the order in which they came
  CHECK(read_line(one_more).find("too many clients") != std::string::npos);
  CHECK(read_line(one_more).empty());
  silent[0].reset();
  send_text(silent[1], "{\"command\":\"echo\"}\n");
  CHECK(read_line(silent[1]) == error_reply("nothing"));  // so it has seen the other one go
  CHECK(call(dir / "s", "status"));
}

TEST_CASE("control: a client that does not read its replies stops nobody else") {
  TempDir dir;
  Metrics metrics;
  auto server = make_server(dir / "s", metrics);
  REQUIRE(server->start());
  Fd lazy = raw_connect(dir / "s");
  send_text(lazy, "{\"command\":\"big\"}\n{\"command\":\"big\"}\n");
  CHECK(call(dir / "s", "status"));
  server->stop();  // does not wait for it
}

TEST_CASE("control: what a killed agent left is replaced, a living one is not") {
  TempDir dir;
  Metrics metrics;
  const std::string path = dir / "s";
  const pid_t child = ::fork();
  if (child == 0) {
    // Dies with the socket bound and the lock held, as kill -9 would leave it.
    Fd lock(::open((path + ".lock").c_str(), O_RDWR | O_CREAT, 0600));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ::_exit(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : 1);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  const auto dead = call(path, "status");
  REQUIRE_FALSE(dead);
  CHECK(dead.error().message.find("is not running") != std::string::npos);
  CHECK(dead.error().fault == Fault::kHost);

  auto first = make_server(path, metrics);
  REQUIRE(first->start());
  auto second = make_server(path, metrics);
  const auto started = second->start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message.find("already running") != std::string::npos);
  CHECK(started.error().fault == Fault::kUser);
  // Also when somebody tidied the lock file away.
  REQUIRE(::unlink((path + ".lock").c_str()) == 0);
  const auto again = second->start();
  REQUIRE_FALSE(again);
  CHECK(again.error().message.find("process " + std::to_string(::getpid())) != std::string::npos);
  second.reset();
  CHECK(call(path, "status"));  // the loser took nothing with it
  first->stop();
  // Or the socket.
  REQUIRE(first->start());
  REQUIRE(::unlink(path.c_str()) == 0);
  const auto locked_out = make_server(path, metrics)->start();
  REQUIRE_FALSE(locked_out);
  CHECK(locked_out.error().message.find("is locked") != std::string::npos);
  first->stop();
  auto third = make_server(path, metrics);
  CHECK(third->start());
}

TEST_CASE("control: what is in the way and no path at all") {
  TempDir dir;
  Metrics metrics;
  Fd(::open((dir / "s").c_str(), O_CREAT | O_CLOEXEC, 0600)).reset();
  const auto file = make_server(dir / "s", metrics)->start();
  REQUIRE_FALSE(file);
  CHECK(file.error().message.find("is no socket") != std::string::npos);
  const auto longer = make_server(dir / std::string(150, 'x'), metrics)->start();
  REQUIRE_FALSE(longer);
  CHECK(longer.error().message.find("choose a shorter run_dir") != std::string::npos);
  const auto missing = call(dir / "none", "status");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.find("not running") != std::string::npos);
}

TEST_CASE("control: a server that never answers ends a call by its time") {
  TempDir dir;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir / "s";
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listening.get(), 0) == 0);
  const auto reply = call(path, "status", {}, 20);
  REQUIRE_FALSE(reply);
  CHECK(reply.error().message.find("does not answer") != std::string::npos);
}

TEST_CASE("control: other users are refused") {
  if (::geteuid() != 0) return;  // only root can become somebody else
  TempDir dir;
  Metrics metrics;
  REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
  auto server = make_server(dir / "s", metrics);
  REQUIRE(server->start());
  REQUIRE(::chmod((dir / "s").c_str(), 0666) == 0);  // so that the credentials are what refuses
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(1);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, (dir / "s").data(), (dir / "s").size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) ::_exit(2);
    char bytes[512];
    const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
    ::_exit(n > 0 && ::write(fds[1], bytes, static_cast<size_t>(n)) == n ? 0 : 3);
  }
  ::close(fds[1]);
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  char bytes[512];
  const ssize_t n = ::read(fds[0], bytes, sizeof bytes);
  ::close(fds[0]);
  REQUIRE(n > 0);
  CHECK(std::string(bytes, static_cast<size_t>(n)).find("only root and the agent's own user") != std::string::npos);
  CHECK(metrics.sum("tiercel_control_refused_total") == 1);
}
