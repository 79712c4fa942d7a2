// WazuhSink: alerts to a Wazuh 4.x manager, as an agent of it. It enrols when it has no key, keeps the session up,
// sends the critical lane before the rest, and moves the spool's cursor only past what the manager's receiver is known
// to have taken (delivery.h says how far that can be known). What is beyond the cursor is sent again after a reconnect;
// every alert has an id, so a repeat can be told.
//
// Threads: construct, start() and stop() on one thread; status() from any; the callbacks run on the sink's own thread
// and must not block. The spool must outlive the sink, and whoever appends to it must have stopped before the sink is
// destroyed. Errors: start() fails only for what the user has to put right (an unreadable key file, no manager);
// a manager that cannot be reached or refuses is logged, counted and tried again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/alert/alert.h"
#include "agent/base/clock.h"
#include "agent/base/metrics.h"
#include "siem/sink.h"
#include "siem/spool.h"
#include "siem/wazuh/keys.h"
#include "siem/wazuh/message.h"
#include "siem/wazuh/options.h"

namespace tiercel::wazuh {

// A connection that was just made: who else knows all of it can end it, and go on in its place.
struct Contact {
  int fd = -1;  // borrowed; -1: over UDP, where a manager asks for no end
  AgentKey key;
  std::string version;  // that the manager is told
  size_t manager = 0;   // index in WazuhOptions::managers
};

struct WazuhCallbacks {
  std::function<void(const Contact&)> contact;
  std::function<void(const ActiveResponse&)> active_response;  // JSON as the manager sent it
  std::function<void(const SharedFile&)> shared_file;          // whole, its MD5 checked; or too long
  std::function<void(bool connected)> connection;              // after the manager's ack; after the end of a session
  // The manager asks the agent to start anew, or to read its configuration again; without them it is told "err ...".
  std::function<void()> restart;
  std::function<void()> reload;
};

struct WazuhStatus {
  bool connected = false;
  std::string manager;   // "host:port" of the current or last attempt
  std::string agent_id;  // empty: not enrolled yet
  std::string agent_name;
  uint64_t last_ack_ns = 0;  // since the epoch; 0: never
  uint64_t last_keepalive_ns = 0;
  uint64_t sent = 0;         // alerts put on the wire, repeats included
  uint64_t resent = 0;       // of these, repeats
  uint64_t confirmed = 0;    // alerts that the cursor passed
  uint64_t unconfirmed = 0;  // on the wire, not confirmed yet
  uint64_t reconnects = 0;
  uint64_t canary_ns = 0;  // from the time of the last canary's alert until it was confirmed; 0: there was none
  std::string last_error;  // empty when all is well
};

class SinkWorker;

class WazuhSink final : public siem::Sink {
 public:
  WazuhSink(siem::Spool& spool, WazuhOptions options, WazuhCallbacks callbacks, Metrics& metrics, const Clock& clock);
  ~WazuhSink() override;
  WazuhSink(const WazuhSink&) = delete;
  WazuhSink& operator=(const WazuhSink&) = delete;

  [[nodiscard]] std::string name() const override { return "wazuh"; }
  Result<> start() override;
  // Sends what the spool has and waits for its confirmation, as long as it may. Then tells the manager that the agent
  // ends. What is unconfirmed by then a durable spool gives again to the next agent.
  void stop(int timeout_ms) override;

  [[nodiscard]] WazuhStatus status() const;

 private:
  std::unique_ptr<SinkWorker> worker_;  // everything that lives on the thread
};

}  // namespace tiercel::wazuh
