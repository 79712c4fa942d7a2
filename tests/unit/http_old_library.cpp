// A program that runs with an older libcurl than it was built against: options that came later are not known to it.
// This file's curl_easy_setopt stands before the library's in this program, and is it but for what it is told not to
// know.
#include <curl/curl.h>
#include <dlfcn.h>
#include <doctest/doctest.h>

#include <atomic>
#include <cstdarg>

#include "agent/http/client.h"
#include "agent/http/protocols.h"
#include "agent/http/stream.h"
#include "runtime_support.h"
#include "siem_support.h"

using namespace tiercel;
using namespace tiercel::http;

namespace {

enum class Knows : uint8_t { kAll, kNoNames, kNeither };
std::atomic<Knows> knows{Knows::kAll};
std::atomic<int> not_known{0};

struct Library {
  explicit Library(Knows what) {
    knows = what;
    not_known = 0;
  }
  ~Library() { knows = Knows::kAll; }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
bool is_known(CURLoption option) {
  if (option == CURLOPT_PROTOCOLS_STR || option == CURLOPT_REDIR_PROTOCOLS_STR) return knows == Knows::kAll;
  if (option == CURLOPT_PROTOCOLS || option == CURLOPT_REDIR_PROTOCOLS) return knows != Knows::kNeither;
  return true;
}
#pragma GCC diagnostic pop

size_t swallow(char*, size_t size, size_t count, void*) {
  return size * count;
}

// As whoever follows redirects would ask; `limited`: as we are.
CURLcode follow(const std::string& url, const std::string& unix_socket, bool limited) {
  CURL* easy = ::curl_easy_init();
  REQUIRE(easy != nullptr);
  ::curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(easy, CURLOPT_PROXY, "");
  ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 60'000L);  // nothing that passes waits for it
  ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
  ::curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
  if (!unix_socket.empty()) ::curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, unix_socket.c_str());
  if (limited) CHECK(limit_protocols(easy));
  const CURLcode code = ::curl_easy_perform(easy);
  ::curl_easy_cleanup(easy);
  return code;
}

}  // namespace

// Whatever an option takes (long, pointer, curl_off_t) is eight bytes in the same place.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvarargs"  // libcurl's own signature
extern "C" CURLcode(curl_easy_setopt)(CURL* easy, CURLoption option, ...) {
  static_assert(sizeof(long) == sizeof(void*) && sizeof(curl_off_t) == sizeof(void*));
  using Real = CURLcode (*)(CURL*, CURLoption, ...);
  static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "curl_easy_setopt"));
  if (!is_known(option)) {
    ++not_known;
    return CURLE_UNKNOWN_OPTION;
  }
  va_list arguments;
  va_start(arguments, option);
  void* value = va_arg(arguments, void*);
  va_end(arguments);
  return real(easy, option, value);
}
#pragma GCC diagnostic pop

TEST_CASE("a file is never read for a URL, however old the library") {
  REQUIRE(follow("file:///etc/passwd", "", false) == CURLE_OK);  // this library would
  for (const Knows what : {Knows::kAll, Knows::kNoNames, Knows::kNeither}) {
    const Library library(what);
    Client client;
    for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1:1/x"}) {
      Request request;
      request.url = url;
      request.timeout_ms = 60'000;
      const auto answer = client.send(request);
      REQUIRE_FALSE(answer.has_value());
      CHECK(answer.error().kind == Failure::Kind::kRequest);
      CHECK_FALSE(answer.error().message.empty());
    }
    CHECK((not_known > 0) == (what != Knows::kAll));
  }
}

TEST_CASE("nor does a redirect lead elsewhere than to HTTP") {
  const siem::test::TempDir folder;
  std::atomic<bool> led{false};
  const auto lead = [&led](runtime::test::Connection& connection) {
    if (led.exchange(true)) return;  // whoever comes again, by FTP, is not greeted
    connection.read_until("\r\n\r\n");
    connection.write("HTTP/1.1 302 Found\r\nLocation: ftp://localhost/x\r\nContent-Length: 0\r\n\r\n");
  };
  runtime::test::FakeServer server(folder / "s", lead);
  REQUIRE(follow("http://localhost/", server.path(), false) != CURLE_UNSUPPORTED_PROTOCOL);  // this library would
  for (const Knows what : {Knows::kAll, Knows::kNoNames}) {
    const Library library(what);
    led = false;
    CHECK(follow("http://localhost/", server.path(), true) == CURLE_UNSUPPORTED_PROTOCOL);
  }
}

TEST_CASE("a library that cannot be limited is not asked; one that knows less works all the same") {
  const siem::test::TempDir folder;
  runtime::test::FakeServer server(folder / "s", [](runtime::test::Connection& connection) {
    connection.read_until("\r\n\r\n");
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  Request request;
  request.url = "http://localhost/";
  request.unix_socket = server.path();
  request.timeout_ms = 60'000;
  Client client;
  {
    const Library library(Knows::kNeither);
    const auto refused = client.send(request);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("limited") != std::string::npos);
    Stream stream({.host = "127.0.0.1", .port = 1, .timeout_ms = 60'000});
    const auto connected = stream.connect();
    REQUIRE_FALSE(connected.has_value());
    CHECK(connected.error().message.find("limited") != std::string::npos);
    CHECK(server.connections() == 0);
  }
  const Library library(Knows::kNoNames);
  const auto answer = client.send(request);
  REQUIRE(answer.has_value());
  CHECK(answer->body == "ok");
}
