// ControlServer: the agent's local socket (a Unix stream socket, mode 0660). Root and the agent's own user may talk to
// it; everybody else is told so and hung up on. The protocol is one JSON object per line and one JSON line in reply,
// as often as the client likes:
//   {"command":"status"}\n  ->  {...}\n          a mistake  ->  {"error":"..."}\n
//
// The server has its own thread and the handlers run there, one at a time: they must be safe against the deciding
// thread and should be quick. A client is bounded: 64 KiB a line, 5 s for each line and each reply, 16 at once.
//
// A lock file beside the socket tells a living agent from a killed one: start() replaces what a dead agent left and
// refuses to start beside a living one.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <thread>

#include "agent/base/fd.h"
#include "agent/base/metrics.h"
#include "agent/base/result.h"

namespace tiercel::control {

struct Request {
  std::string command;
  std::map<std::string, std::string> arguments;  // the request's other texts, numbers and booleans, as text
  uid_t uid = 0;
  pid_t pid = 0;

  [[nodiscard]] std::string argument(const std::string& name, const std::string& otherwise = {}) const {
    auto it = arguments.find(name);
    return it == arguments.end() ? otherwise : it->second;
  }
};

// Returns one JSON value without a line break; see error_reply() for mistakes.
using Handler = std::function<std::string(const Request&)>;

[[nodiscard]] std::string error_reply(const std::string& message);

class ControlServer {
 public:
  struct Options {
    std::string socket_path;
    size_t line_bytes_max = 65'536;
    int deadline_ms = 5'000;
    size_t connections_max = 16;
  };
  ControlServer(Options options, Metrics& metrics);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Before start(). The last one of a name wins.
  void on(const std::string& command, Handler handler);
  // Makes the socket's folder if it is missing.
  Result<> start();
  // Ends the thread, removes the socket, gives the lock back. Idempotent.
  void stop();

 private:
  struct Connection;
  void run();
  void accept_all();
  void read_from(Connection& connection);
  void write_to(Connection& connection);
  void write_on(Connection& connection);
  void answer(Connection& connection, const std::string& line);
  void answer_lines(Connection& connection);
  Result<> take_lock();
  Result<> bind_socket();

  const Options options_;
  Counter& refused_;
  std::map<std::string, Handler> handlers_;
  std::list<Connection> connections_;  // the thread's own
  Fd lock_fd_, listen_fd_, wake_fd_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace tiercel::control
