#include "agent/http/client.h"

#include <doctest/doctest.h>

#include <mutex>
#include <thread>

#include "runtime_support.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::http;
using runtime::test::Connection;
using runtime::test::FakeServer;
using siem::test::TempDir;
using Kind = Failure::Kind;

namespace {

constexpr int kLongMs = 10 * 60 * 1000;  // nothing that passes waits for it

Request request_to(const FakeServer& server, int timeout_ms = kLongMs) {
  Request request;
  request.url = "http://localhost/path?x=1";
  request.unix_socket = server.path();
  request.timeout_ms = timeout_ms;
  return request;
}

// A server that reads one request's head, writes these bytes and closes.
FakeServer::Handler saying(std::string bytes) {
  return [bytes = std::move(bytes)](Connection& connection) {
    connection.read_until("\r\n\r\n");
    connection.write(bytes);
  };
}

Kind kind_of(const tl::expected<Response, Failure>& result) {
  REQUIRE_FALSE(result.has_value());
  CHECK_FALSE(result.error().message.empty());
  return result.error().kind;
}

}  // namespace

TEST_CASE("a request arrives as written, an answer comes back whole") {
  const TempDir folder;
  std::mutex mutex;
  std::string head, body;
  FakeServer server(folder / "s", [&](Connection& connection) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      head = connection.read_until("\r\n\r\n");
      body = connection.read(5);
    }
    connection.write("HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n");
    connection.write("HTTP/1.1 201 Created\r\nX-One:  a b \r\nTransfer-Encoding: chunked\r\nTrailer: X-Last\r\n\r\n");
    connection.write("3\r\nabc\r\n2\r\nde\r\n0\r\nX-Last: z\r\n\r\n");
  });
  Request request = request_to(server);
  request.method = "PUT";
  request.headers = {{"X-Mine", "yes"}};
  request.body = "hello";
  Client client;
  const auto response = client.send(request);
  REQUIRE(response.has_value());
  CHECK(response->status == 201);
  CHECK(response->body == "abcde");
  REQUIRE(find(response->headers, "x-one") != nullptr);
  CHECK(*find(response->headers, "x-one") == "a b");
  CHECK(find(response->headers, "x-early") == nullptr);
  CHECK(find(response->headers, "x-last") == nullptr);
  CHECK(response->trailers == Headers{{"x-last", "z"}});
  const std::lock_guard<std::mutex> lock(mutex);
  CHECK(head.starts_with("PUT /path?x=1 HTTP/1.1\r\n"));
  CHECK(head.find("X-Mine: yes\r\n") != std::string::npos);
  CHECK(head.find("Content-Length: 5\r\n") != std::string::npos);
  CHECK(body == "hello");
}

TEST_CASE("a redirect is an answer and is not followed") {
  const TempDir folder;
  FakeServer server(folder / "s",
                    saying("HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n"));
  Client client;
  const auto response = client.send(request_to(server));
  REQUIRE(response.has_value());
  CHECK(response->status == 302);
  CHECK(response->body.empty());
}

TEST_CASE("limits and lies are failures of their kind, and the client goes on") {
  const TempDir folder;
  Client client;
  {
    Request request;
    request.url = "http://localhost/";
    request.unix_socket = folder / "nobody";
    CHECK(kind_of(client.send(request)) == Kind::kUnreachable);
    request.unix_socket = "/" + std::string(200, 'x');  // longer than an address holds
    CHECK_FALSE(client.send(request).has_value());
    request.url = "file:///etc/passwd";
    CHECK(kind_of(client.send(request)) == Kind::kRequest);
  }
  {
    FakeServer server(folder / "s", saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
    CHECK(kind_of(client.send(request_to(server))) == Kind::kBroken);
  }
  {
    FakeServer server(folder / "s", saying(""));
    CHECK(kind_of(client.send(request_to(server))) == Kind::kBroken);
  }
  {
    FakeServer server(folder / "s", saying("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    CHECK_FALSE(client.send(request_to(server)).has_value());
  }
  {
    FakeServer server(folder / "s", [](Connection& connection) {
      connection.read_until("\r\n\r\n");
      connection.write("HTTP/1.1 200 OK\r\n");
      while (connection.write("X-Header: " + std::string(1000, 'x') + "\r\n")) {
      }
    });
    CHECK(kind_of(client.send(request_to(server))) == Kind::kTooLarge);
  }
  {
    FakeServer server(folder / "s", [](Connection& connection) {
      connection.read_until("\r\n\r\n");
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
      while (connection.write(std::string(65536, 'x'))) {
      }
    });
    CHECK(kind_of(client.send(request_to(server))) == Kind::kTooLarge);
  }
  FakeServer server(folder / "s", saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  Request request = request_to(server);
  request.body_size_max = 2;  // just enough
  const auto response = client.send(request);
  REQUIRE(response.has_value());
  CHECK(response->body == "ok");
  request.headers = {{"X", "a\r\nY: b"}};
  CHECK(kind_of(client.send(request)) == Kind::kRequest);
}

TEST_CASE("a server that says nothing, and one that drips, cost the timeout") {
  const TempDir folder;
  Client client;
  FakeServer silent(folder / "s", [](Connection& connection) { connection.wait_for_end(); });
  CHECK(kind_of(client.send(request_to(silent, 50))) == Kind::kTimeout);
  FakeServer dripping(folder / "d", [](Connection& connection) {
    connection.write("HTTP/1.1 200 OK\r\n\r\n");
    while (connection.write("x")) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  CHECK(kind_of(client.send(request_to(dripping, 50))) == Kind::kTimeout);
  CHECK(kind_of(client.send(request_to(silent, 0))) == Kind::kTimeout);
}

TEST_CASE("stop ends the exchange that runs and those that come") {
  const TempDir folder;
  FakeServer silent(folder / "s", [](Connection& connection) { connection.wait_for_end(); });
  Client client;
  std::thread stopper([&] {
    silent.wait_for_connections(1);
    client.stop();
  });
  CHECK(kind_of(client.send(request_to(silent))) == Kind::kStopped);
  stopper.join();
  CHECK(kind_of(client.send(request_to(silent))) == Kind::kStopped);
}

TEST_CASE("a connection is kept only where that is asked for") {
  const TempDir folder;
  FakeServer server(folder / "s", [](Connection& connection) {
    while (!connection.read_until("\r\n\r\n").empty()) connection.write("HTTP/1.1 204 None\r\n\r\n");
  });
  Client client;
  Request request = request_to(server);
  CHECK(client.send(request).has_value());
  CHECK(client.send(request).has_value());
  CHECK(server.connections() == 2);
  request.keep_connection = true;
  CHECK(client.send(request).has_value());
  CHECK(client.send(request).has_value());
  CHECK(server.connections() == 3);
}

TEST_CASE("Retry-After is seconds or a date; anything else says nothing") {
  constexpr uint64_t kNowNs = 1'445'412'480'000'000'000;  // Wed, 21 Oct 2015 07:28:00 GMT
  const auto of = [](const char* value) { return retry_after_ms({{"retry-after", value}}, kNowNs); };
  CHECK(of("30") == 30'000);
  CHECK(of("0") == 0);
  CHECK(of("99999999999999999999999") == 3'600'000);
  CHECK(of("86400") == 3'600'000);
  CHECK(of("Wed, 21 Oct 2015 07:28:42 GMT") == 42'000);
  CHECK(of("Wednesday, 21-Oct-15 07:28:42 GMT") == 42'000);
  CHECK(of("Wed Oct 21 07:28:42 2015") == 42'000);
  CHECK(of("Wed, 21 Oct 2015 07:27:00 GMT") == 0);
  CHECK(of("Fri, 31 Dec 2999 23:59:59 GMT") == 3'600'000);
  for (const char* nothing : {"", "soon", "-5", "1e9", "Foo, 99 Oct 2015 07:28:00 GMT"}) CHECK(of(nothing) == 0);
  CHECK(retry_after_ms({}, kNowNs) == 0);
}

TEST_CASE("what a failure says names the host and no more of the URL") {
  CHECK(origin_of("https://user:pass@hooks.example.com:8443/T0/B0/secret?token=t#f") ==
        "https://hooks.example.com:8443");
  CHECK(origin_of("http://[::1]/secret") == "http://[::1]");
  CHECK(origin_of("not a URL with secret") == "the URL");
  Client client;
  Request request;
  for (const char* url : {"http://u:SECRET@127.0.0.1:1/SECRET", "http://x y/SECRET", "gopher://h/SECRET",
                          "https://127.0.0.1:99999999/SECRET", "http://no-such-host.invalid/SECRET"}) {
    request.url = url;
    const auto answer = client.send(request);
    REQUIRE_FALSE(answer);
    CHECK_MESSAGE(answer.error().message.find("SECRET") == std::string::npos, answer.error().message);
  }
}
