// Session: an agent's side of one connection to a manager, as a state machine without a socket: bytes in, bytes out, a
// clock. Startup and its answer, keep-alives, liveness, the manager's control messages, shared files (kept in memory,
// limited, MD5 checked), requests, "#ping".
//
//   Session session(options, counter, clock);
//   session.start(our_address);                // the connection is up
//   session.receive(bytes);  session.tick();   // whenever bytes came, or next_tick_ns() has passed
//   write(session.output());  session.consume_output(n);
//   for (FromManager& m : session.take_messages()) ...
//
// Over UDP (options.datagrams) receive_datagram() takes what came, and each payload of output() is one datagram. There
// a bad frame is counted and dropped, for anybody may send one; a startup and the answers to requests are repeated, for
// they may be lost; nobody says that the other end is gone.
//
// When state() is kClosed the connection is to be closed; reason() says why. One thread. Hostile bytes are welcome.
// Facts: Wazuh 4.14, sections "Control messages", "Shared files" and "Requests".
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/base/clock.h"
#include "siem/wazuh/datagram_answers.h"
#include "siem/wazuh/frame.h"
#include "siem/wazuh/keys.h"
#include "siem/wazuh/message.h"
#include "siem/wazuh/requests.h"

namespace tiercel::wazuh {

struct SessionOptions {
  AgentKey key;
  Cipher cipher = Cipher::kAes;
  std::string version = kReportedVersion;
  std::string host;  // host_text()
  std::vector<Label> labels;
  std::string shared_md5;  // of the file from the session before; empty: none
  bool datagrams = false;
  // The answer to a request; the session has put into the facts what it knows. Empty: "err Unrecognized command".
  std::function<Answer(const Request&, RequestFacts)> answer;
  bool verify_counter = false;  // a manager with several workers does not keep the order
  int keepalive_ms = 20'000;
  int answer_timeout_ms = 60'000;
  int silence_max_ms = 60'000;
  size_t shared_file_bytes_max = 8u << 20;
};

struct SessionCounts {
  uint64_t frames = 0;    // opened
  uint64_t messages = 0;  // sent, of any kind
  uint64_t events = 0;    // sent
  uint64_t acks = 0;
  uint64_t pongs = 0;
  uint64_t pongs_cut = 0;  // of these, found inside another frame
  uint64_t unknown = 0;    // control messages that we do not know, chunks without a file
  uint64_t files_bad = 0;  // shared files with a wrong MD5, too long, or not finished
  uint64_t too_long = 0;   // messages that we could not send
  std::array<uint64_t, kFrameFaults> faults{};
};

class Session {
 public:
  enum class State : uint8_t { kIdle, kStarting, kRunning, kClosed };
  // What the owner gets to see; acks, chunks and the requests that we answer stay inside.
  using Message = std::variant<ActiveResponse, SharedFile, AgentAction>;
  enum class Reason : uint8_t {
    kNone,
    kPeerClosed,
    kRefused,
    kVersionTooHigh,
    kNoAnswer,
    kSilent,
    kBadFrame,
    kForceReconnect,
    kDone
  };

  Session(SessionOptions options, SenderCounter& counter, const Clock& clock);

  void start(std::string_view our_address);
  void receive(std::string_view bytes);
  void receive_datagram(std::string_view payload);
  void end_of_stream();  // the manager closed
  void tick();
  [[nodiscard]] uint64_t next_tick_ns() const;  // on the monotonic clock

  // False: not running, or the text is longer than kMessageBytesMax.
  bool send_event(std::string_view text);
  void send_ping();
  void send_shutdown();  // the last message

  [[nodiscard]] std::string_view output() const { return std::string_view(output_).substr(output_begin_); }
  void consume_output(size_t size);
  [[nodiscard]] std::vector<Message> take_messages();  // after every receive(): that is what bounds them
  [[nodiscard]] uint64_t take_pongs();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Reason reason() const { return reason_; }
  [[nodiscard]] const std::string& reason_text() const { return reason_text_; }
  [[nodiscard]] bool receiving_file() const { return file_.has_value(); }
  [[nodiscard]] bool heard_anything() const { return heard_anything_; }
  [[nodiscard]] const SessionCounts& counts() const { return counts_; }
  [[nodiscard]] uint64_t last_ack_realtime_ns() const { return last_ack_realtime_ns_; }
  [[nodiscard]] uint64_t last_keepalive_realtime_ns() const { return last_keepalive_realtime_ns_; }
  [[nodiscard]] const std::string& shared_md5() const { return options_.shared_md5; }

 private:
  struct OpenFile {
    FileStart start;
    std::string content;
    bool too_long = false;
  };

  void send(std::string_view message);
  void send_keepalive();
  void close(Reason reason, std::string text);
  bool receive_frame();  // false: wait for more, or closed
  FrameFault take(std::string_view payload);
  void repeat_datagrams(uint64_t now_ns);
  bool recover(FrameFault fault);
  void on_message(std::string_view message);
  void on(const Ack&);
  void on(const Refusal& refusal);
  void on(ActiveResponse& response);
  void on(const ForceReconnect&);
  void on(FileStart& start);
  void on(const FileEnd&);
  void on(const FileChunk& chunk);
  void on(const Request& request);
  void on(const Unknown&);
  [[nodiscard]] Answer answer(const Request& request) const;

  SessionOptions options_;
  SenderCounter& counter_;
  const Clock& clock_;
  Codec codec_;
  FrameReader reader_;
  State state_ = State::kIdle;
  Reason reason_ = Reason::kNone;
  std::string reason_text_;
  std::string output_;
  size_t output_begin_ = 0;
  std::vector<Message> messages_;
  std::optional<OpenFile> file_;
  std::optional<MessageCounter> last_received_;
  DatagramAnswers answers_;
  std::string our_address_;
  uint64_t pongs_ = 0;
  uint64_t started_ns_ = 0;
  uint64_t last_heard_ns_ = 0;
  uint64_t next_keepalive_ns_ = 0;
  uint64_t next_startup_ns_ = UINT64_MAX;  // over UDP
  uint64_t last_ack_realtime_ns_ = 0;
  uint64_t last_keepalive_realtime_ns_ = 0;
  bool heard_anything_ = false;
  SessionCounts counts_;
};

}  // namespace tiercel::wazuh
