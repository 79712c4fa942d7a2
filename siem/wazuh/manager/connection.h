// Connection: one agent's stream at the dev-manager, or its address when it comes over UDP: the reader's state and the
// send queue. The receiver's loop owns the socket and both directions; workers put messages into the send queue, and
// pongs past it.
//
// Threads: what says "loop" is the loop's own; the rest is under the connection's mutex.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "agent/base/fd.h"
#include "siem/wazuh/frame.h"

namespace tiercel::wazuh {

// Where datagrams go to, and how many of a hundred get lost on the way.
struct UdpPeer {
  std::shared_ptr<const Fd> socket;
  sockaddr_storage address{};
  socklen_t size = 0;
  int loss_percent = 0;
};

class Connection {
 public:
  Connection(Fd fd, std::string address, uint64_t number)
      : fd_(std::move(fd)), address_(std::move(address)), number_(number) {}
  Connection(UdpPeer peer, std::string address, uint64_t number)
      : peer_(std::move(peer)), address_(std::move(address)), number_(number) {}

  // Loop.
  [[nodiscard]] FrameReader& reader() { return reader_; }
  [[nodiscard]] int fd() const { return fd_.get(); }  // -1 for UDP
  enum class Read : uint8_t { kSome, kNothing, kEnd };
  [[nodiscard]] Read read_some();
  // Sends what is queued. With `split`, a frame goes in two parts: the second one at the earliest pause_ms later.
  // When to come back, on the monotonic clock; 0: no need; UINT64_MAX: when the socket can be written.
  [[nodiscard]] uint64_t flush(bool split, int pause_ms);
  void close_now();
  [[nodiscard]] uint64_t next_frame() { return ++frames_; }

  // Any thread.
  [[nodiscard]] bool queue(std::string_view payload, size_t bytes_max);  // false: no room
  [[nodiscard]] size_t queued_bytes() const;
  bool send_past_queue(std::string_view payload);  // what the socket takes at once, or not at all
  void ask_to_close();
  [[nodiscard]] bool close_asked() const;
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] bool datagrams() const { return peer_.socket != nullptr; }
  [[nodiscard]] uint64_t number() const { return number_; }

  // Any thread; set by the workers once they know.
  void note_agent(const std::string& id, Cipher cipher);
  [[nodiscard]] std::string agent_id() const;
  [[nodiscard]] Cipher cipher() const;
  void note_control();
  [[nodiscard]] bool had_control() const;
  [[nodiscard]] uint64_t last_message_ns() const;

 private:
  [[nodiscard]] uint64_t flush_datagrams();
  bool send_datagram(std::string_view payload);  // false: the socket is full

  mutable std::mutex mutex_;
  Fd fd_;
  const UdpPeer peer_;
  const std::string address_;
  const uint64_t number_;  // since the manager's start, from 1
  uint64_t frames_ = 0;    // loop
  FrameReader reader_;
  std::deque<std::string> out_;
  size_t out_bytes_ = 0;
  size_t front_sent_ = 0;
  uint64_t second_part_ns_ = 0;
  bool close_asked_ = false;
  std::string agent_id_;
  Cipher cipher_ = Cipher::kAes;
  bool had_control_ = false;
  uint64_t last_message_ns_ = 0;
};

}  // namespace tiercel::wazuh
