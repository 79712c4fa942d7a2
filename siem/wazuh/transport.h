// Transport: one way to talk to a manager as an agent, with its own notion of what is delivered. The sink drives it: it
// knows nothing of frames, pings or sockets. SecureTcp (secure_tcp.h) is the 1514/tcp session of Wazuh 4.x, SecureUdp
// the same over datagrams; a transport with real acknowledgements (HTTPS 1517 of Wazuh 5) fits behind the same
// interface.
//
// One thread, the sink's. connect() and finish() are the only calls that wait.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/alert/alert.h"
#include "agent/base/result.h"
#include "siem/wazuh/keys.h"
#include "siem/wazuh/message.h"
#include "siem/wazuh/tcp.h"

namespace tiercel::wazuh {

class Transport {
 public:
  using Message = std::variant<ActiveResponse, SharedFile, AgentAction>;
  enum class State : uint8_t { kDown, kStarting, kReady };
  // Why the last connection ended.
  enum class End : uint8_t { kNone, kLost, kRefused, kVersionTooHigh, kKeyUnknown, kAsked };

  // What a connection is made with.
  struct Target {
    std::string host;
    uint16_t port = 0;
    std::string version;  // that we report
  };

  struct Confirmed {
    uint64_t seq = 0;   // the lane's cursor may go so far
    uint64_t rows = 0;  // of these, rows that were sent
  };

  virtual ~Transport() = default;

  virtual Result<> connect(const Target& target, const AgentKey& key, const WaitLimit& limit) = 0;
  virtual void close() = 0;  // what is unconfirmed will be read and sent again

  [[nodiscard]] virtual State state() const = 0;
  [[nodiscard]] virtual End end() const = 0;
  [[nodiscard]] virtual std::string end_text() const = 0;

  // What to wait for, and what to do after any wait.
  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] virtual short poll_events() const = 0;
  [[nodiscard]] virtual uint64_t next_tick_ns() const = 0;  // CLOCK_MONOTONIC
  virtual void service() = 0;

  // Rows of a lane, in order. room(): how many may be sent now.
  [[nodiscard]] virtual size_t room(alert::Lane lane) const = 0;
  [[nodiscard]] virtual uint64_t last_sent(alert::Lane lane) const = 0;
  virtual bool send_row(alert::Lane lane, uint64_t seq, std::string_view text) = 0;  // true: it was sent before
  virtual void pass_by(alert::Lane lane, uint64_t seq) = 0;
  virtual void send_unconfirmed(std::string_view text) = 0;  // an event that is nobody's row
  [[nodiscard]] virtual std::optional<Confirmed> take_confirmed(alert::Lane lane) = 0;
  [[nodiscard]] virtual size_t unconfirmed() const = 0;

  [[nodiscard]] virtual std::vector<Message> take_messages() = 0;
  // Says that the agent ends, gets everything out and waits until the manager has closed; all within the limit.
  virtual void finish(const WaitLimit& limit) = 0;

  [[nodiscard]] virtual uint64_t last_ack_realtime_ns() const = 0;
  [[nodiscard]] virtual uint64_t last_keepalive_realtime_ns() const = 0;
};

}  // namespace tiercel::wazuh
