// PageServer: a few pages over HTTP for machines that look now and then (Prometheus, kubelet's probes). GET and HEAD,
// one request a connection, one thread of its own with the lowest share of the CPUs (nice 19, not SCHED_IDLE: a probe
// has to be answered on a busy host too), which sleeps in poll() for as long as nobody asks.
//
// Clients are hostile: 8 KiB a request, 5 s from the connection to the last byte of the answer whatever comes in drops,
// 16 at once. When all places are taken, the one who has been there longest without having asked makes room: so
// however many are slow, who asks at once is answered.
//
// A server of our own, since those at hand are not bounded that way: prometheus-cpp's exposer gives each client one of
// CivetWeb's threads until that client is done, and has no second page; libmicrohttpd's timeout begins anew with every
// byte, and brings GnuTLS into the process.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <thread>

#include "agent/base/fd.h"
#include "agent/base/listen_address.h"
#include "agent/base/metrics.h"
#include "agent/base/result.h"

namespace tiercel::health {

struct Page {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

// What the first line of a request asks for.
struct Asked {
  std::string path;
  std::string query;  // behind the question mark
  bool head = false;  // the same answer without its body
};

// bytes: a request up to its empty line. Else the answer that it gets: 400, 405 or 505.
[[nodiscard]] tl::expected<Asked, Page> parse_request(std::string_view bytes);

class PageServer {
 public:
  struct Options {
    ListenAddress listen;
    size_t request_bytes_max = 8'192;
    int deadline_ms = 5'000;
    size_t connections_max = 16;
  };
  using Handler = std::function<Page(const std::string& query)>;

  PageServer(Options options, Metrics& metrics);
  ~PageServer();
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;

  // Before start(). Handlers run on the server's thread, one at a time.
  void on(const std::string& path, Handler handler);
  Result<> start();
  // Ends the thread and removes a Unix socket. Idempotent.
  void stop();

 private:
  struct Connection;
  void run();
  void accept_all();
  void make_room();
  void go_on(Connection& connection);
  void read_from(Connection& connection);
  void write_to(Connection& connection);
  void answer(Connection& connection, const Page& page, bool head);
  [[nodiscard]] Page page_for(const Asked& asked) const;

  const Options options_;
  Counter& requests_;
  Counter& refused_;
  std::map<std::string, Handler> handlers_;
  std::list<Connection> connections_;  // oldest first; the thread's own
  Fd listen_fd_, wake_fd_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace tiercel::health
