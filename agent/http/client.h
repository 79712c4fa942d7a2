// Client: one HTTP request and its whole answer, over TCP, TLS or a Unix socket. Blocks until the answer is there or
// the limits say no; one thread uses a Client at a time, and that thread has SIGPIPE blocked or ignored (TLS). stop()
// may come from any thread. Nothing is followed or retried, and no size or time is without a limit. Texts of failures
// name a URL's host and port, never its path or user, which may be secrets. The only door to libcurl.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::http {

using Headers = std::vector<std::pair<std::string, std::string>>;  // in the order of the wire, names in lower case

// The AWS Signature Version 4 (docs.aws.amazon.com, "Signing AWS API requests"), made by libcurl from the request as it
// is sent. It covers the host, the query, the body and `headers` (none of which may be empty), and
// x-amz-security-token, which is sent where there is a token. Never part of an error's text.
struct Sign {
  std::string region;
  std::string service;
  std::string key_id;  // empty: the request is not signed
  std::string secret;
  std::string token;
};

struct Request {
  std::string method = "GET";
  std::string url;  // http:// or https://; over a Unix socket the host is only a name
  Headers headers;
  std::string body;
  std::string unix_socket;                     // path; empty: as the URL says
  std::string ca_file;                         // PEM, for https; empty: the distribution's
  std::string client_certificate, client_key;  // PEM files, for https; empty: none
  int timeout_ms = 10'000;                     // of the whole exchange, connecting included
  size_t body_size_max = 1u << 20;
  size_t headers_size_max = 64u << 10;  // with those of interim answers and the trailers
  bool http2_prior_knowledge = false;   // HTTP/2 from the first byte, without TLS
  bool keep_connection = false;         // leave it open for this Client's next request
  bool direct = false;                  // by no proxy, whatever the environment says
  Sign sign;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
  Headers trailers;
};

struct Failure : Error {
  enum class Kind {
    kUnreachable,  // no connection
    kTimeout,
    kTooLarge,  // more than the request's limits
    kBroken,    // ended early, or not HTTP
    kStopped,   // stop()
    kRequest,   // the request itself cannot be sent
  };
  Kind kind = Kind::kBroken;
  int status = 0;  // of an answer that was broken off as kTooLarge
};

// The first header of that name (lower case); nullptr if there is none.
[[nodiscard]] const std::string* find(const Headers& headers, std::string_view name);

// The milliseconds of a Retry-After header (RFC 9110, 10.2.3: seconds, or an HTTP date, held against realtime_ns); 0:
// there is none, or it says nothing. An hour at most.
[[nodiscard]] int retry_after_ms(const Headers& headers, uint64_t realtime_ns);

// scheme://host:port of a URL, as messages may show it.
[[nodiscard]] std::string origin_of(const std::string& url);

class Client {
 public:
  Client();
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Any status is an answer; a Failure means that there was none.
  [[nodiscard]] tl::expected<Response, Failure> send(const Request& request);
  // Ends the send() that runs, and every later one, at once. Any thread, any time before the destructor.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiercel::http
