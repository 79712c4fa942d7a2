// SinkWorker: the thread of a WazuhSink. It gets a key, keeps a Transport connected, moves rows from the spool to it
// and the cursor after them. See sink.h for what callers may do; everything private here runs on the worker's own
// thread unless it says otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/base/fd.h"
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
  [[nodiscard]] const ManagerAddress& manager() const { return options_.managers[manager_index_]; }

  void run();
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
  void confirm();
  void hand_over_messages();
  void next_manager();
  void back_off();
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
  std::unique_ptr<Transport> transport_;
  size_t manager_index_ = 0;
  size_t managers_tried_ = 0;  // since the last back-off
  int retry_ms_ = 0;
  int refusals_ = 0;             // connections in a row that ended without a byte
  uint64_t enrolled_ns_ = 0;     // 0: the key was there
  uint64_t last_asked_ns_ = 0;   // the manager's last force_reconnect
  size_t lost_unconfirmed_ = 0;  // when the last connection ended
  bool ready_ = false;
  bool ever_ready_ = false;
  bool unchecked_told_ = false;

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
