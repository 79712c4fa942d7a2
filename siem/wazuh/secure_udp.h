// SecureUdp: the 1514/udp transport, for managers that take no TCP. One datagram is one payload.
//
// It is weaker than TCP, and no means of the protocol mends that:
// - A datagram can be lost on any host or router on the way, or doubled, or overtaken. "#pong" says that the manager
//   took the ping out of its socket, not that it got what was sent before it. So at most kBatchRows rows are sent
//   between two pings, and the next ones only when the ping was answered: what a socket's buffer holds is not overrun,
//   and a ping that stays unanswered makes everything unconfirmed be sent again. A row that is lost alone, while the
//   pings around it arrive, is lost.
// - "#pong" is not encrypted, and a sender's address can be forged: whoever can send datagrams in the manager's name
// can
//   make rows count as delivered that are not.
// - A manager that does not know the key is silent, as is one that is not there.
// - A message that is longer than a datagram (65,507 bytes, encrypted) is counted and not sent.
//
// One thread, the sink's. Facts: Wazuh 4.14, sections "Frames" and "Requests".
#pragma once

#include "siem/wazuh/secure_tcp.h"

namespace tiercel::wazuh {

class SecureUdp final : public SecureTcp {
 public:
  static constexpr size_t kBatchRows = 64;

  SecureUdp(SecureTcpOptions options, SenderCounter& counter, Metrics& metrics, const Clock& clock);

  Result<> connect(const Target& target, const AgentKey& key, const WaitLimit& limit) override;
  void service() override;
  [[nodiscard]] uint64_t next_tick_ns() const override;
  [[nodiscard]] size_t room(alert::Lane lane) const override;
  bool send_row(alert::Lane lane, uint64_t seq, std::string_view text) override;

 protected:
  [[nodiscard]] Result<Fd> open_socket(const std::string& host, uint16_t port, const WaitLimit& limit) override;
  void read_some() override;
  void write_some() override;
  void say_goodbye(const WaitLimit& limit) override;
  void ping() override;
  [[nodiscard]] bool hold_pings() const override;

 private:
  void look_at_ping();
  void begin_batch();

  size_t turn_ = 0;            // of the host's addresses
  size_t batch_rows_ = 0;      // sent since the batch began
  bool batch_pinged_ = false;  // the batch is full, and the ping on its way was sent after it
  uint64_t ping_ns_ = 0;       // of the one that is on its way; 0: none
  uint64_t patience_ns_ = 0;   // how long to wait for its answer
  uint64_t pongs_before_ = 0;
};

}  // namespace tiercel::wazuh
