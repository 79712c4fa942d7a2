// DevManager: an honest stand-in for a Wazuh 4.14 manager, for development and tests. Enrolment over TLS (1515) and the
// agents' connections (1514), on loopback only. It behaves like the real receiver where that hurts: several workers
// with random stalls share one bounded queue that drops silently when full; "#pong" is written past the send queue and
// can land inside a half-sent frame; an event that was taken and not finished is gone when the process is killed; a key
// is known to the receiver only after its next look at the key file; a second connection of an agent is refused; every
// malformed frame closes the connection without an answer. Over UDP it drops what it does not understand, and can be
// told to lose datagrams.
//
// Threads: construct, start(), stop() and kill() on one thread; everything else from any. on_event runs on the workers,
// one call at a time. Errors: start() says what is wrong with address, port or folder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::wazuh {

// One decoded event, as the manager's analysis would get it.
struct DevEvent {
  uint64_t received_ns = 0;  // since the epoch
  uint64_t connection = 0;   // since the manager's start, from 1
  uint64_t frame = 0;        // its place in the connection's stream, from 1; workers may hand over events out of order
  std::string agent_id;
  std::string agent_name;
  char queue = '1';
  std::string location;  // unescaped
  std::string text;      // after "queue:location:"
};
// The JSON after "tiercel: " if that is what the text is, byte for byte; otherwise empty.
[[nodiscard]] std::string_view tiercel_json(const DevEvent& event);
// {"received":..,"connection":..,"frame":..,"agent":{"id":..,"name":..},"location":..,"decoder":"tiercel",
// "event":{..}}: one line, no newline. The event of a Tiercel agent stands there byte for byte; any other text is a
// JSON string, and decoder is null.
[[nodiscard]] std::string dev_event_json(const DevEvent& event);

struct DevManagerOptions {
  std::string dir;                    // keys, certificate; made if absent
  std::string address = "127.0.0.1";  // loopback only; anything else is refused
  uint16_t port = 1514;               // 0: any free port
  uint16_t enrol_port = 1515;         // 0: any free port
  std::string password;               // empty: none is asked for
  std::vector<std::string> groups;    // that exist; empty: every group is taken
  std::string version = "v4.14.7";    // agents above its major.minor are refused
  std::string shared_folder;          // of the command: pushed at the start and when its files change; empty: none
  std::function<void(const DevEvent&)> on_event;
  std::function<void(std::string_view)> on_log;  // one line for a person; may be empty
  std::function<void(const std::string& agent_id, std::string_view counter_and_answer)> on_response;  // may be empty
  bool tcp = true;
  bool udp = false;
  enum class Tls : uint8_t { kAny, k12, k13 };
  Tls tls = Tls::kAny;         // of the enrolment
  std::string client_ca_file;  // PEM: agents must show a certificate that comes from it; empty: none is asked for

  // Habits.
  int workers = 4;
  int stall_ms_max = 50;               // a worker sleeps up to so long ...
  int stall_percent = 5;               // ... before so many of a hundred frames
  size_t queue_frames_max = 131'072;   // beyond it frames are dropped, silently
  size_t send_buffer_bytes = 131'072;  // for each agent; beyond it messages are dropped
  int key_update_ms = 500;             // until a new key is known to the receiver
  int overtake_ms = 60'000;            // a silent connection may be replaced by a new one of the same agent
  bool split_frames = false;           // sends frames in two parts with a pause, so that "#pong" lands between
  bool verify_counter = false;         // remoted.verify_msg_id; takes one worker
  bool answer_pings = true;
  uint32_t frames_max_per_s = 0;  // pushes back: reads no faster than that; 0: as fast as it can
  int udp_loss_percent = 0;       // so many of a hundred datagrams are lost, in each direction
  uint64_t seed = 1;
};

struct DevManagerCounts {
  uint64_t enrolled = 0, enrol_refused = 0;
  uint64_t connections = 0, closed_by_us = 0;
  uint64_t frames = 0;   // taken off the streams
  uint64_t dropped = 0;  // frames that found the queue full
  uint64_t gone = 0;     // frames that kill() threw away
  uint64_t events = 0, malformed_events = 0;
  uint64_t startups = 0, keepalives = 0, shutdowns = 0, pings = 0, responses = 0;
  uint64_t send_dropped = 0;  // messages to agents that found the send buffer full
};

class DevManager {
 public:
  explicit DevManager(DevManagerOptions options);
  ~DevManager();
  DevManager(const DevManager&) = delete;
  DevManager& operator=(const DevManager&) = delete;

  [[nodiscard]] Result<> start();
  void stop();  // finishes what is in the queue
  void kill();  // like kill -9: what is in the queue or with a worker is gone

  [[nodiscard]] uint16_t port() const;
  [[nodiscard]] uint16_t enrol_port() const;
  [[nodiscard]] std::string certificate_file() const;  // PEM; agents may take it as their CA
  [[nodiscard]] DevManagerCounts counts() const;
  [[nodiscard]] std::vector<std::string> connected_agents() const;  // ids
  // Answers of an agent to request(), oldest first: "<counter> <response>".
  [[nodiscard]] std::vector<std::string> responses() const;

  // To one agent, or to all when agent_id is empty. False: none is connected.
  bool send_active_response(const std::string& agent_id, std::string_view json);
  bool force_reconnect(const std::string& agent_id = {});
  bool request(const std::string& agent_id, std::string_view counter, std::string_view target_and_payload);
  bool send_message(const std::string& agent_id, std::string_view message);  // any text, for tests
  // merged.mg for all agents: at once to those connected, and after a keep-alive that names another MD5.
  void push_shared(std::string merged_file);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The format of merged.mg: ar.conf first, then the files.
[[nodiscard]] std::string make_merged_file(std::string_view group, std::string_view ar_conf,
                                           const std::vector<std::pair<std::string, std::string>>& files);

// The command `tiercel dev-manager`: runs until SIGINT or SIGTERM or `quit`, prints events on standard output (JSON
// lines or, when json is false, one line for a person through the given function) and takes lines on standard input:
//   ar [ID] <json> | push <file> | push-folder [<folder>] | reconnect [ID] | request [ID] <target> <payload> | stats |
//   agents | quit
// Returns the exit status.
int run_dev_manager(DevManagerOptions options, bool json,
                    const std::function<std::string(const DevEvent&)>& text_line = {});

}  // namespace tiercel::wazuh
