// Stream: a connection over TCP or TLS that carries bytes of another protocol than HTTP (syslog). Here because libcurl
// has all that connecting needs: names, several addresses, certificates. Every wait has a limit. One thread uses a
// Stream, with SIGPIPE blocked; stop() may come from any thread. No proxy is used, whatever the environment says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace tiercel::http {

struct StreamOptions {
  std::string host;  // a name or an address, IPv6 without brackets
  uint16_t port = 0;
  bool tls = false;                                      // 1.2 or later; the certificate must name the host
  std::string ca_file = {};                              // PEM; empty: the distribution's
  std::string client_certificate = {}, client_key = {};  // PEM; empty: none, or the key is in the certificate's file
  int timeout_ms = 10'000;                               // of connecting, with the handshake
};

class Stream {
 public:
  explicit Stream(StreamOptions options);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] Result<> connect();
  void close();
  [[nodiscard]] bool connected() const;
  // How many of the bytes the kernel took; 0: none now (call again with the same bytes). An error: it is broken.
  [[nodiscard]] Result<size_t> write(std::string_view bytes);
  // What the other side says is thrown away.
  enum class Peer : uint8_t { kOpen, kClosed, kBroken };  // kClosed: in order (FIN, with TLS a close_notify)
  [[nodiscard]] Peer peer();
  [[nodiscard]] int fd() const;  // -1: not connected
  // Ends a connect() that runs, and every later one, at once.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tiercel::http
