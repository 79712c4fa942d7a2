// Receiver: the dev-manager's 1514 side, over TCP and UDP. One loop thread owns the sockets and cuts streams into
// frames; a bounded queue, shared by all agents, drops silently when it is full; several workers take frames from it,
// stall when they like, and answer.
//
// Threads: start(), stop() and kill() on one thread; the rest from any. Facts: Wazuh 4.14, remoted.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/base/fd.h"
#include "siem/rate.h"
#include "siem/wazuh/manager/agent_store.h"
#include "siem/wazuh/manager/connection.h"
#include "siem/wazuh/manager/dev_manager.h"
#include "siem/wazuh/manager/silence.h"

namespace tiercel::wazuh {

class Receiver {
 public:
  Receiver(const DevManagerOptions& options, AgentStore& agents);
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  Result<> start();
  void stop(bool finish_queue);
  [[nodiscard]] uint16_t port() const { return port_; }

  void add_counts(DevManagerCounts& counts) const;
  [[nodiscard]] std::vector<std::string> connected_agents() const;
  [[nodiscard]] std::vector<std::string> responses() const;
  bool send(const std::string& agent_id, std::string_view message);
  void push_shared(std::string merged_file);

 private:
  using ConnectionPtr = std::shared_ptr<Connection>;
  struct Taken {
    ConnectionPtr connection;
    std::string payload;
    uint64_t frame = 0;  // its place in the stream
  };
  // What a worker has for itself.
  struct Worker {
    std::mt19937_64 random;
    std::map<std::string, std::pair<std::string, Codec>> codecs;  // by id: raw key, codec
  };

  // Loop.
  void loop();
  void accept_all();
  void read_frames(const ConnectionPtr& connection);
  void take(const ConnectionPtr& connection, std::string_view payload);
  void drop(const ConnectionPtr& connection);
  void wake();
  Result<> open_udp();
  void read_datagrams();
  [[nodiscard]] ConnectionPtr connection_of(const sockaddr_storage& from, socklen_t size);
  [[nodiscard]] uint64_t repeat_requests();  // when to come back

  // Requests over UDP (receiver_udp.cpp).
  void note_request(const std::string& agent_id, std::string_view message);
  void request_heard(std::string_view counter);

  // Workers.
  void work(size_t number);
  void stall(Worker& worker);
  void handle(Worker& worker, const Taken& taken);
  void handle_message(Worker& worker, const Taken& taken, const AgentKey& key, std::string_view message);
  void handle_control(Worker& worker, const ConnectionPtr& connection, const AgentKey& key, std::string_view message);
  void handle_response(Worker& worker, const ConnectionPtr& connection, const AgentKey& key, std::string_view response);
  void handle_startup(Worker& worker, const ConnectionPtr& connection, const AgentKey& key, std::string_view json);
  void handle_keepalive(Worker& worker, const ConnectionPtr& connection, const AgentKey& key, std::string_view message);
  void handle_event(const Taken& taken, const AgentKey& key, std::string_view message);
  [[nodiscard]] Codec& codec_for(Worker& worker, const AgentKey& key);
  [[nodiscard]] bool claim(const ConnectionPtr& connection, const AgentKey& key, Cipher cipher);
  [[nodiscard]] bool counter_is_new(const AgentKey& key, MessageCounter counter);
  void refuse(const ConnectionPtr& connection, std::string_view why);

  bool send_to(Codec& codec, const ConnectionPtr& connection, std::string_view message);
  void tell_silence();
  void push_file(Codec& codec, const ConnectionPtr& connection, const std::string& file);
  void log(std::string_view line);

  const DevManagerOptions& options_;
  AgentStore& agents_;
  Fd listener_;
  Fd wake_fd_;
  uint16_t port_ = 0;
  std::thread loop_thread_;
  std::vector<std::thread> workers_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> killed_{false};
  std::vector<ConnectionPtr> connections_;                // loop
  std::shared_ptr<const Fd> udp_;                         // set at the start
  std::map<std::string, ConnectionPtr> udp_connections_;  // loop: by address and port
  siem::TokenBucket reads_;                               // loop

  struct OpenRequest {
    std::string agent_id, counter, message;
    uint64_t next_ns = 0;
    int attempts = 1;
  };
  std::mutex requests_mutex_;
  std::vector<OpenRequest> open_requests_;  // under requests_mutex_: over UDP, not acknowledged yet

  mutable std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::deque<Taken> queue_;    // under queue_mutex_
  bool queue_closed_ = false;  // under queue_mutex_

  mutable std::mutex agents_mutex_;
  std::map<std::string, ConnectionPtr> by_agent_;        // under agents_mutex_
  std::map<std::string, MessageCounter> last_counters_;  // under agents_mutex_
  std::string shared_file_;                              // under agents_mutex_
  std::string shared_md5_;                               // under agents_mutex_
  std::vector<std::string> responses_;                   // under agents_mutex_
  std::set<std::string> answered_;                       // under agents_mutex_: counters, over UDP

  std::mutex silence_mutex_;
  Silence silence_;    // under silence_mutex_
  uint64_t told_ = 0;  // loop: findings

  std::mutex push_mutex_;  // two pushes at once would mix their chunks
  std::mutex counter_mutex_;
  SenderCounter counter_;  // under counter_mutex_
  std::mutex callback_mutex_;

  struct {
    std::atomic<uint64_t> connections{0}, closed_by_us{0}, frames{0}, dropped{0}, gone{0}, events{0},
        malformed_events{0}, startups{0}, keepalives{0}, shutdowns{0}, pings{0}, responses{0}, send_dropped{0};
  } counts_;
};

}  // namespace tiercel::wazuh
