// SecureTcp: the 1514/tcp transport of a Wazuh 4.x agent: a socket around Session and Delivery. SecureUdp is made from
// it: what is protected here is what a datagram socket does otherwise. One thread, the sink's.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/metrics.h"
#include "siem/wazuh/delivery.h"
#include "siem/wazuh/session.h"
#include "siem/wazuh/transport.h"

namespace tiercel::wazuh {

struct SecureTcpOptions {
  SessionOptions session;  // its key, version and shared_md5 are set at every connect
  DeliveryOptions delivery;
};

class SecureTcp : public Transport {
 public:
  SecureTcp(SecureTcpOptions options, SenderCounter& counter, Metrics& metrics, const Clock& clock);

  Result<> connect(const Target& target, const AgentKey& key, const WaitLimit& limit) override;
  void close() override;
  [[nodiscard]] State state() const override;
  [[nodiscard]] End end() const override { return end_; }
  [[nodiscard]] std::string end_text() const override { return end_text_; }
  [[nodiscard]] int fd() const override { return fd_.get(); }
  [[nodiscard]] short poll_events() const override;
  [[nodiscard]] uint64_t next_tick_ns() const override;
  void service() override;
  [[nodiscard]] size_t room(alert::Lane lane) const override;
  [[nodiscard]] uint64_t last_sent(alert::Lane lane) const override { return delivery_.last_sent(lane); }
  bool send_row(alert::Lane lane, uint64_t seq, std::string_view text) override;
  void pass_by(alert::Lane lane, uint64_t seq) override { delivery_.passed_by(lane, seq); }
  void send_unconfirmed(std::string_view text) override;
  [[nodiscard]] std::optional<Confirmed> take_confirmed(alert::Lane lane) override;
  [[nodiscard]] size_t unconfirmed() const override { return delivery_.unconfirmed(); }
  [[nodiscard]] std::vector<Message> take_messages() override;
  void finish(const WaitLimit& limit) override;
  [[nodiscard]] uint64_t last_ack_realtime_ns() const override { return last_ack_realtime_ns_; }
  [[nodiscard]] uint64_t last_keepalive_realtime_ns() const override { return last_keepalive_realtime_ns_; }

 protected:
  [[nodiscard]] virtual Result<Fd> open_socket(const std::string& host, uint16_t port, const WaitLimit& limit);
  virtual void read_some();
  virtual void write_some();
  virtual void say_goodbye(const WaitLimit& limit);  // the last message is in the output

  virtual void ping();
  [[nodiscard]] virtual bool hold_pings() const;
  void lose(const std::string& why);
  [[nodiscard]] size_t output_bytes() const;
  [[nodiscard]] Session& session() { return *session_; }
  [[nodiscard]] const Session& session() const { return *session_; }
  [[nodiscard]] Delivery& delivery() { return delivery_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  void keep_messages();
  void count_unsendable() { too_long_.add(); }

 private:
  void hang_up();
  void note_session();  // takes over what the session counted since the last time

  SecureTcpOptions options_;
  SenderCounter& counter_;
  const Clock& clock_;
  Delivery delivery_;
  std::unique_ptr<Session> session_;
  Fd fd_;
  End end_ = End::kNone;
  std::string end_text_;
  std::vector<Message> messages_;
  std::string shared_md5_;
  uint64_t last_ack_realtime_ns_ = 0;
  uint64_t last_keepalive_realtime_ns_ = 0;
  SessionCounts noted_;

  Counter& acks_;
  Counter& pings_;
  Counter& pongs_;
  Counter& pongs_cut_;
  Counter& unknown_;
  Counter& files_bad_;
  Counter& too_long_;
  std::array<Counter*, kFrameFaults> faults_{};
};

}  // namespace tiercel::wazuh
