// Syslog servers of the tests' own: what a receiver of octet-counted frames (RFC 6587), of lines or of datagrams would
// have got.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"

namespace tiercel::siem::test {

// Listens on loopback and serves one connection after the other. TLS: with the PEM files, 1.2 or later.
class FrameServer {
 public:
  struct Options {
    std::string certificate = {}, key = {};  // empty: no TLS
    size_t reset_after = 0;                  // frames of a connection; then a reset with bytes unread. 0: never
    size_t resets = 0;                       // how many connections are reset so
    int pause_ms = 0;                        // before each read of a connection
  };
  explicit FrameServer(Options options);
  ~FrameServer();
  FrameServer(const FrameServer&) = delete;
  FrameServer& operator=(const FrameServer&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] std::vector<std::string> messages() const;
  [[nodiscard]] size_t connections() const { return connections_; }
  [[nodiscard]] bool malformed() const { return malformed_; }
  void end_connection() { end_connection_ = true; }  // in order, when everything was read

 private:
  void run();
  void serve(int fd);
  size_t take_frames(std::string& bytes);

  const Options options_;
  Fd listener_;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false}, malformed_{false}, end_connection_{false};
  std::atomic<size_t> connections_{0};
  size_t resets_left_;
  mutable std::mutex mutex_;
  std::vector<std::string> messages_;
  std::thread thread_;
};

}  // namespace tiercel::siem::test
