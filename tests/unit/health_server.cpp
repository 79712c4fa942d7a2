// /metrics and /healthz as the network sees them: what comes in is hostile, and nobody keeps others from an answer.
#include <doctest/doctest.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agent/health/page_server.h"

using namespace tiercel;
using namespace tiercel::health;

namespace {

constexpr int kShortMs = 200;

// A server on a Unix socket of its own, which needs no port.
class Scene {
 public:
  explicit Scene(int deadline_ms = 5'000, size_t connections_max = 16) {
    char made[] = "/tmp/tiercel-health-XXXXXX";
    folder_ = ::mkdtemp(made);
    server.emplace(PageServer::Options{.listen = *ListenAddress::parse("unix:" + path()),
                                       .deadline_ms = deadline_ms,
                                       .connections_max = connections_max},
                   metrics);
    server->on("/page", [](const std::string& query) { return Page{200, "text/plain", "query=" + query}; });
    server->on("/sick", [](const std::string&) { return Page{503, "application/json", "{}"}; });
    server->on("/big", [](const std::string&) { return Page{200, "text/plain", std::string(4u << 20, 'x')}; });
    const auto started = server->start();
    REQUIRE(started.has_value());
  }
  ~Scene() {
    server->stop();
    std::filesystem::remove_all(folder_);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  [[nodiscard]] std::string path() const { return folder_ + "/socket"; }

  [[nodiscard]] Fd client() const {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return fd;
  }
  // Until the server hangs up.
  static std::string rest_of(const Fd& fd) {
    std::string out;
    char bytes[65'536];
    for (ssize_t n = 0; (n = ::recv(fd.get(), bytes, sizeof bytes, 0)) > 0;) out.append(bytes, static_cast<size_t>(n));
    return out;
  }
  [[nodiscard]] std::string answer(const std::string& request) const {
    const Fd fd = client();
    CHECK(write_all(fd.get(), request.data(), request.size()).has_value());
    return rest_of(fd);
  }

  Metrics metrics;
  std::optional<PageServer> server;

 private:
  std::string folder_;
};

int status_of(const std::string& answer) {
  return answer.size() > 12 && answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

int refused_with(const std::string& request) {
  const auto asked = parse_request(request);
  return asked ? 0 : asked.error().status;
}

}  // namespace

TEST_CASE("page server: the first line of a request") {
  auto asked = parse_request("GET /healthz?ready HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(asked.has_value());
  CHECK(asked->path == "/healthz");
  CHECK(asked->query == "ready");
  CHECK_FALSE(asked->head);
  asked = parse_request("HEAD /metrics HTTP/1.0\n\n");
  REQUIRE(asked.has_value());
  CHECK(asked->head);
  CHECK(asked->query.empty());
  CHECK(refused_with("") == 400);
  CHECK(refused_with("\r\n\r\n") == 400);
  CHECK(refused_with("GET /\r\n\r\n") == 400);  // HTTP/0.9
  CHECK(refused_with("GET  HTTP/1.1\r\n\r\n") == 400);
  CHECK(refused_with("GET metrics HTTP/1.1\r\n\r\n") == 400);
  CHECK(refused_with("GET http://x/metrics HTTP/1.1\r\n\r\n") == 400);
  CHECK(refused_with("GET /a b HTTP/1.1\r\n\r\n") == 400);
  CHECK(refused_with("GET /\x01 HTTP/1.1\r\n\r\n") == 400);
  CHECK(refused_with("GET /" + std::string(3'000, 'a') + " HTTP/1.1\r\n\r\n") == 400);
  CHECK(refused_with("GET / HTTP/2.0\r\n\r\n") == 505);
  CHECK(refused_with("POST /metrics HTTP/1.1\r\n\r\n") == 405);
  CHECK(refused_with("\x16\x03\x01\x02\n\n") == 400);  // TLS
}

TEST_CASE("page server: pages, their status, and those that are not there") {
  const Scene scene;
  std::string got = scene.answer("GET /page?a=1&b HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(status_of(got) == 200);
  CHECK(got.ends_with("\r\n\r\nquery=a=1&b"));
  CHECK(got.find("\r\nContent-Length: 11\r\n") != std::string::npos);
  CHECK(got.find("\r\nConnection: close\r\n") != std::string::npos);
  got = scene.answer("HEAD /page HTTP/1.1\r\n\r\n");
  CHECK(got.find("\r\nContent-Length: 6\r\n") != std::string::npos);
  CHECK(got.ends_with("\r\n\r\n"));
  CHECK(status_of(scene.answer("GET /sick HTTP/1.1\r\n\r\n")) == 503);
  got = scene.answer("GET /../etc/shadow HTTP/1.1\r\n\r\n");
  CHECK(status_of(got) == 404);
  CHECK(got.find("/big, /page, /sick") != std::string::npos);
  got = scene.answer("DELETE /page HTTP/1.1\r\n\r\n");
  CHECK(status_of(got) == 405);
  CHECK(got.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
}

TEST_CASE("page server: a page that fits into no buffer arrives whole") {
  const Scene scene;
  const std::string got = scene.answer("GET /big HTTP/1.1\r\n\r\n");
  const size_t body = got.find("\r\n\r\n");
  REQUIRE(body != std::string::npos);
  CHECK(got.size() - body - 4 == 4u << 20);
}

TEST_CASE("page server: garbage gets an answer or is hung up on, and the next one is served") {
  Scene scene;
  CHECK(status_of(scene.answer(std::string(20'000, 'A'))) == 431);
  CHECK(status_of(scene.answer("GET /page HTTP/1.1\r\n" + std::string(20'000, 'h') + "\r\n\r\n")) == 431);
  CHECK(status_of(scene.answer(std::string("\0\0\0\0\n\n", 6))) == 400);
  CHECK(status_of(scene.answer("GET /page HTTP/1.1\r\nContent-Length: 99999\r\n\r\n" + std::string(30'000, 'b'))) ==
        200);
  {
    const Fd silent = scene.client();  // hangs up without a word
  }
  uint64_t random = 88172645463325252ull;
  for (int i = 0; i < 200; ++i) {
    std::string bytes;
    for (int n = 0; n < 64; ++n) {
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      bytes += static_cast<char>(random);
    }
    CHECK(status_of(scene.answer(bytes + "\r\n\r\n")) >= 400);
  }
  CHECK(status_of(scene.answer("GET /page HTTP/1.1\r\n\r\n")) == 200);
  CHECK(scene.metrics.sum("tiercel_http_refused_total") >= 203);
}

TEST_CASE("page server: fifty who say nothing, and one who asks") {
  Scene scene;
  std::vector<Fd> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(scene.client());
    const std::string_view begun = "GET /page HTTP";
    REQUIRE(::send(slow.back().get(), begun.data(), begun.size(), MSG_NOSIGNAL) > 0);
  }
  CHECK(status_of(scene.answer("GET /page HTTP/1.1\r\n\r\n")) == 200);
  CHECK(scene.metrics.sum("tiercel_http_refused_total") >= 50 - 16);  // those who made room
}

TEST_CASE("page server: a request in drops has the same time as any other") {
  Scene scene(kShortMs);
  const Fd fd = scene.client();
  // Never ends by itself: the server's hanging up does.
  for (;;) {
    if (::send(fd.get(), "G", 1, MSG_NOSIGNAL) < 0) break;
    char byte = 0;
    const ssize_t n = ::recv(fd.get(), &byte, 1, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) break;
    ::usleep(10'000);
  }
  CHECK(scene.metrics.sum("tiercel_http_refused_total") == 1);
  // and who does not read the answer is hung up on
  const Fd deaf = scene.client();
  const std::string_view ask = "GET /big HTTP/1.1\r\n\r\n";
  REQUIRE(::send(deaf.get(), ask.data(), ask.size(), MSG_NOSIGNAL) > 0);
  while (scene.metrics.sum("tiercel_http_refused_total") < 2) ::usleep(10'000);
}

TEST_CASE("page server: a Unix socket is its owner's, replaced when nobody listens, and gone afterwards") {
  Metrics metrics;
  std::string path;
  {
    const Scene scene;
    path = scene.path();
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0660);
    PageServer second({.listen = *ListenAddress::parse("unix:" + path)}, metrics);
    const auto started = second.start();
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().message.find("somebody listens") != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("listen address: numbers only, and what is reachable from elsewhere is known") {
  const auto good = [](const char* text) { return *ListenAddress::parse(text); };
  CHECK(good("127.0.0.1:9376").loopback);
  CHECK(good("127.9.9.9:1").loopback);
  CHECK(good("[::1]:9376").host == "::1");
  CHECK(good("[::1]:9376").loopback);
  CHECK_FALSE(good("0.0.0.0:9376").loopback);
  CHECK_FALSE(good("[::]:65535").loopback);
  CHECK_FALSE(good("10.0.0.7:80").loopback);
  CHECK(good("unix:/run/x.sock").path == "/run/x.sock");
  for (const char* text :
       {"", ":9376", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:9x", "localhost:9376",
        "::1:9376", "[127.0.0.1]:9376", "[::1]", "127.0.0.1:-1", "unix:run/x", "unix:", "999.0.0.1:9376"}) {
    CAPTURE(text);
    const auto parsed = ListenAddress::parse(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().fault == Fault::kUser);
  }
  CHECK_FALSE(ListenAddress::parse("unix:/" + std::string(200, 'a')).has_value());
}
