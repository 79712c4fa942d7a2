// SyslogLink: the way to a syslog server, and what is known about what arrived there.
//
//   unix datagrams   the server's queue has it: arrived
//   unix stream      the server's program read it: arrived (SIOCOUTQ is 0)
//   UDP              sent: nobody says more
//   TCP, TLS         the other kernel acknowledged it (tcpi_bytes_acked); its program may not have read it yet
//
// Syslog has no answers, so a program that dies loses what it had read and not kept, and nobody learns of it. On Linux
// a program that closes a connection with bytes unread makes its kernel reset it, and one that had read everything ends
// it in order: Peer tells the two apart.
//
// One thread; but stop(), which may come from any and ends connect() and wait_writable().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/syslog.h"

namespace tiercel::siem {

class SyslogLink {
 public:
  virtual ~SyslogLink() = default;

  [[nodiscard]] virtual Result<> connect() = 0;
  [[nodiscard]] virtual bool connected() const = 0;
  virtual void close() = 0;
  virtual void stop() = 0;

  struct Written {
    enum class Result : uint8_t { kSome, kNotNow, kTooLong, kBroken };
    Result result = Result::kBroken;
    size_t bytes = 0;  // kSome
    std::string why;   // kBroken
  };
  // Of datagrams all bytes or none.
  [[nodiscard]] virtual Written write(std::string_view bytes) = 0;
  // False: the time is over, or stop().
  virtual bool wait_writable(int timeout_ms) = 0;

  enum class Peer : uint8_t { kOpen, kClosed, kBroken };
  [[nodiscard]] virtual Peer peer() = 0;
  // After a whole message: a place in the stream. What has a place up to reached() has arrived.
  [[nodiscard]] virtual uint64_t place() = 0;
  [[nodiscard]] virtual uint64_t reached() = 0;

  // Frames of RFC 6587's octet counting (TCP, TLS); a line feed after each message (Unix stream); nothing (datagrams).
  enum class Framing : uint8_t { kNone, kLineFeed, kOctetCount };
  [[nodiscard]] virtual Framing framing() const = 0;
};

struct SyslogLinkOptions {
  SyslogAddress address;
  std::string ca_file, client_certificate, client_key;  // of tls
  int connect_timeout_ms = 10'000;
};
std::unique_ptr<SyslogLink> make_syslog_link(SyslogLinkOptions options);

}  // namespace tiercel::siem
