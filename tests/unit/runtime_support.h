// What the tests of HTTP and of runtimes share: a server on a socket whose manners the test writes, and a minimal
// HTTP/2 side for gRPC.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/base/fd.h"
#include "agent/runtime/dialogue.h"

namespace tiercel::runtime::test {

// One connection, as a handler sees it. Every wait ends when the client goes away or the server stops.
class Connection {
 public:
  Connection(int fd, int stop_fd) : fd_(fd), stop_fd_(stop_fd) {}
  // Some bytes; "" at the end.
  std::string read_some();
  // Exactly that many; fewer at the end.
  std::string read(size_t size);
  std::string read_until(std::string_view mark);
  // False: nobody takes them.
  bool write(std::string_view bytes);
  void wait_for_end();

 private:
  bool wait(short events);
  int fd_, stop_fd_;
  std::string rest_;
};

// Serves one connection after the other.
class FakeServer {
 public:
  using Handler = std::function<void(Connection&)>;
  FakeServer(std::string path, Handler handler);
  explicit FakeServer(Handler handler);  // on a port of 127.0.0.1
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // Until that many connections were made.
  void wait_for_connections(size_t count);
  [[nodiscard]] size_t connections();

 private:
  void run();
  std::string path_;
  uint16_t port_ = 0;
  Handler handler_;
  Fd listener_, stop_;
  std::mutex mutex_;
  size_t connections_ = 0;
  std::thread thread_;
};

// HTTP/1.1: what was asked is kept, the answer is the function's.
struct Http1 {
  std::vector<std::string> heads;
  std::mutex mutex;
  std::function<std::string(const std::string& path)> answer;  // a body; "": 404

  void operator()(Connection& connection);
  std::vector<std::string> asked();
};
std::string http1(int status, std::string_view body);

// gRPC over HTTP/2: one call a connection. Its header block is HPACK with Huffman codes, which is not read.
struct GrpcAnswer {
  std::string message;  // protobuf
  int status = 0;       // as a trailer; alone, in the one block of headers, if there is no message to go with it
  bool compressed = false;
  bool without_trailers = false;
};
struct Grpc {
  std::mutex mutex;
  std::vector<std::string> requests;  // protobuf
  std::function<GrpcAnswer(size_t call, const std::string& request)> answer;

  void operator()(Connection& connection);
  std::vector<std::string> asked();
};

// Protobuf for answers.
std::string text_field(uint32_t number, std::string_view text);
inline std::string entry_field(uint32_t number, std::string_view key, std::string_view value) {
  return text_field(number, text_field(1, key) + text_field(2, value));
}

}  // namespace tiercel::runtime::test
