// SinkWorker: the thread of a WazuhSink. It gets a key, keeps a Transport connected, moves rows from the spool to it
// and the cursor after them. See sink.h for what callers may do; everything private here runs on the worker's own
// thread unless it says otherwise.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/base/fd.h"
#include "siem/rate.h"
#include "siem/wazuh/managers.h"
#include "siem/wazuh/requests.h"
#include "siem/wazuh/sink.h"
#include "siem/wazuh/transport.h"

namespace tiercel::wazuh {

class SinkWorker {
 public:
  SinkWorker(siem::Spool& spool, WazuhOptions options, WazuhCallbacks callbacks, Metrics& metrics, const Clock& clock);
  ~SinkWorker();
  SinkWorker(const SinkWorker&) = delete;
  SinkWorker& operator=(const SinkWorker&) = delete;

  Result<> start();
  void stop(int timeout_ms);
  [[nodiscard]] WazuhStatus status() const;  // any thread

 private:
  void wake();  // any thread
  void take_wake();
  bool go_on();  // takes the wake-up too; false: end
  bool nothing_waits();
  [[nodiscard]] bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  [[nodiscard]] WaitLimit limit(int timeout_ms);
  [[nodiscard]] const ManagerAddress& manager() const { return managers_->current(); }
  [[nodiscard]] std::string where() const;

  void run();
  void make_transport();
  [[nodiscard]] Answer answer(const Request& request, RequestFacts facts) const;
  void enrol_again();
  bool enrol_with(const std::string& old_key_hash);
  void connect_and_serve();
  void serve();
  void on_ready();
  void on_end();
  void finish();
  void wait_for_something();
  void pump();
  bool pump_lane(alert::Lane lane);
  [[nodiscard]] bool has_room_again() const;
  void confirm();
  void note_canary(alert::Lane lane, const siem::Row& row);
  void hand_over_messages();
  void act(AgentAction action);
  void sleep_ms(int ms);
  void note_trouble(const std::string& text);
  void update_status();

  siem::Spool& spool_;
  const WazuhOptions options_;
  const WazuhCallbacks callbacks_;
  Metrics& metrics_;
  const Clock& clock_;
  siem::Spool::ReaderId reader_ = 0;

  Fd wake_fd_;
  std::atomic<bool> woken_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> stop_deadline_ns_{UINT64_MAX};
  std::thread thread_;

  std::string agent_name_;
  std::optional<AgentKey> key_;
  std::unique_ptr<SenderCounter> counter_;
  std::unique_ptr<Managers> managers_;
  std::unique_ptr<Transport> transport_;
  Protocol transport_protocol_ = Protocol::kTcp;
  siem::TokenBucket bucket_;
  std::array<bool, 2> held_up_{};  // by lane: the transport had no room
  bool rate_reached_ = false;
  uint64_t started_realtime_ns_ = 0;
  size_t lost_unconfirmed_ = 0;  // when the last connection ended
  bool ready_ = false;
  bool ever_ready_ = false;
  bool unchecked_told_ = false;

  struct Canary {
    alert::Lane lane = alert::Lane::kRest;
    uint64_t seq = 0, time_ns = 0;
  };
  std::optional<Canary> canary_;  // on its way
  uint64_t canary_ns_ = 0;        // that of the last one

  mutable std::mutex status_mutex_;
  WazuhStatus status_;  // under status_mutex_

  Counter& sent_;
  Counter& resent_;
  Counter& confirmed_;
  Counter& reconnects_;
  Counter& cut_;
  Counter& enrolments_;
  Counter& failures_;
  Counter& unconfirmed_;
};

}  // namespace tiercel::wazuh
