#include "siem/wazuh/session.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace tiercel::wazuh {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kStartupAgainNs = 3'000 * kNsPerMs;  // over UDP it may be lost; a second one does no harm

}  // namespace

Session::Session(SessionOptions options, SenderCounter& counter, const Clock& clock)
    : options_(std::move(options)),
      counter_(counter),
      clock_(clock),
      codec_(derive_key(options_.key.id, options_.key.name, options_.key.key)) {}

void Session::start(std::string_view our_address) {
  our_address_ = our_address;
  state_ = State::kStarting;
  started_ns_ = last_heard_ns_ = clock_.monotonic_ns();
  if (options_.datagrams) next_startup_ns_ = started_ns_ + kStartupAgainNs;
  send(startup_message(options_.version));
}

void Session::send(std::string_view message) {
  const auto random = static_cast<uint16_t>(random_u32());
  const std::optional<std::string> sealed = codec_.seal(message, random, counter_.next(), options_.cipher);
  if (!sealed) {
    ++counts_.too_long;
    return;
  }
  // "!id!" always: without it the manager finds the key by our address, and that breaks behind NAT.
  output_ += frame('!' + options_.key.id + '!' + *sealed);
  ++counts_.messages;
}

bool Session::send_event(std::string_view text) {
  if (state_ != State::kRunning) return false;
  if (text.size() > kMessageBytesMax) {
    ++counts_.too_long;
    return false;
  }
  send(text);
  ++counts_.events;
  return true;
}

void Session::send_ping() {
  if (state_ == State::kRunning) output_ += frame(kPing);
}

void Session::send_shutdown() {
  if (state_ != State::kRunning) return;
  send(kShutdown);
  close(Reason::kDone, "the agent ends");
}

void Session::send_keepalive() {
  KeepAlive keepalive;
  keepalive.host = options_.host;
  keepalive.version = options_.version;
  keepalive.labels = &options_.labels;
  keepalive.shared_md5 = options_.shared_md5;
  keepalive.address = our_address_;
  send(keepalive_message(keepalive));
  last_keepalive_realtime_ns_ = clock_.realtime_ns();
}

void Session::consume_output(size_t size) {
  output_begin_ += std::min(size, output_.size() - output_begin_);
  if (output_begin_ == output_.size()) {
    output_.clear();
    output_begin_ = 0;
  } else if (output_begin_ > kPayloadBytesMax) {
    output_.erase(0, output_begin_);
    output_begin_ = 0;
  }
}

std::vector<Session::Message> Session::take_messages() {
  return std::exchange(messages_, {});
}

uint64_t Session::take_pongs() {
  return std::exchange(pongs_, 0);
}

void Session::close(Reason reason, std::string text) {
  if (state_ == State::kClosed) return;
  if (file_) ++counts_.files_bad;
  file_.reset();
  state_ = State::kClosed;
  reason_ = reason;
  reason_text_ = std::move(text);
}

void Session::end_of_stream() {
  if (state_ == State::kClosed) return;
  if (reader_.buffered() > 0) {
    ++counts_.faults[static_cast<size_t>(FrameFault::kTruncated)];
    close(Reason::kPeerClosed, "the manager closed the connection inside a frame");
  } else if (!heard_anything_) {
    close(Reason::kPeerClosed,
          "the manager closed the connection without an answer: it does not know this agent's key (yet), "
          "or the agent is connected already");
  } else {
    close(Reason::kPeerClosed, "the manager closed the connection");
  }
}

uint64_t Session::next_tick_ns() const {
  switch (state_) {
    case State::kStarting:
      return std::min(next_startup_ns_, started_ns_ + static_cast<uint64_t>(options_.answer_timeout_ms) * kNsPerMs);
    case State::kRunning:
      return std::min({next_keepalive_ns_, last_heard_ns_ + static_cast<uint64_t>(options_.silence_max_ms) * kNsPerMs,
                       answers_.next_ns()});
    default:
      return UINT64_MAX;
  }
}

void Session::tick() {
  const uint64_t now_ns = clock_.monotonic_ns();
  if (now_ns < next_tick_ns()) return;
  if (state_ == State::kStarting) {
    if (now_ns < started_ns_ + static_cast<uint64_t>(options_.answer_timeout_ms) * kNsPerMs)
      return repeat_datagrams(now_ns);
    close(Reason::kNoAnswer, fmt::format("no answer to the startup within {} s{}", options_.answer_timeout_ms / 1000,
                                         options_.datagrams ? "; over UDP a manager says nothing to a key that it does "
                                                              "not know, and its port may be closed to us"
                                                            : ""));
    return;
  }
  if (now_ns >= last_heard_ns_ + static_cast<uint64_t>(options_.silence_max_ms) * kNsPerMs) {
    close(Reason::kSilent, fmt::format("no message from the manager for {} s", options_.silence_max_ms / 1000));
    return;
  }
  repeat_datagrams(now_ns);
  if (now_ns < next_keepalive_ns_) return;
  send_keepalive();
  next_keepalive_ns_ = now_ns + static_cast<uint64_t>(options_.keepalive_ms) * kNsPerMs;
}

void Session::repeat_datagrams(uint64_t now_ns) {
  if (state_ == State::kStarting) {
    send(startup_message(options_.version));
    next_startup_ns_ = now_ns + kStartupAgainNs;
  }
  for (const std::string& message : answers_.due(now_ns)) send(message);
}

void Session::receive(std::string_view bytes) {
  if (state_ != State::kStarting && state_ != State::kRunning) return;
  reader_.append(bytes);
  while (state_ != State::kClosed && receive_frame()) {
  }
}

bool Session::receive_frame() {
  switch (reader_.next()) {
    case FrameReader::State::kIncomplete:
      return false;
    case FrameReader::State::kFault:
      return recover(reader_.fault());
    case FrameReader::State::kPayload:
      break;
  }
  if (const FrameFault fault = take(reader_.payload()); fault != FrameFault::kNone) return recover(fault);
  reader_.consume();
  return true;
}

FrameFault Session::take(std::string_view payload) {
  if (payload == kPong) {
    ++counts_.pongs;
    ++pongs_;
    heard_anything_ = true;
    return FrameFault::kNone;
  }
  OpenedFrame opened = codec_.open(payload);
  if (opened.fault == FrameFault::kNone && options_.verify_counter && last_received_ &&
      opened.counter <= *last_received_)
    opened.fault = FrameFault::kOldCounter;
  if (opened.fault != FrameFault::kNone) return opened.fault;
  last_received_ = opened.counter;
  ++counts_.frames;
  heard_anything_ = true;
  on_message(opened.message);
  return FrameFault::kNone;
}

void Session::receive_datagram(std::string_view payload) {
  if (state_ != State::kStarting && state_ != State::kRunning) return;
  if (const FrameFault fault = payload.empty() ? FrameFault::kEmpty : take(payload); fault != FrameFault::kNone)
    ++counts_.faults[static_cast<size_t>(fault)];
}

bool Session::recover(FrameFault fault) {
  switch (reader_.cut_pong()) {
    case FrameReader::Cut::kCut:
      ++counts_.pongs;
      ++counts_.pongs_cut;
      ++pongs_;
      return true;
    case FrameReader::Cut::kUnsure:
      return false;
    case FrameReader::Cut::kNothing:
      break;
  }
  ++counts_.faults[static_cast<size_t>(fault)];
  close(Reason::kBadFrame, std::string("the manager sent ") + explain(fault));
  return false;
}

void Session::on_message(std::string_view message) {
  FromManager parsed = parse_from_manager(message);
  const bool counts_as_life = !std::holds_alternative<FileChunk>(parsed) || file_.has_value();
  if (counts_as_life) last_heard_ns_ = clock_.monotonic_ns();
  std::visit([this](auto& typed) { on(typed); }, parsed);
}

void Session::on(const Ack&) {
  ++counts_.acks;
  last_ack_realtime_ns_ = clock_.realtime_ns();
  if (state_ != State::kStarting) return;
  state_ = State::kRunning;
  // A real agent waits for one interval, and is "pending" on the manager for so long: no responses reach it.
  next_keepalive_ns_ = clock_.monotonic_ns();
}

void Session::on(const Refusal& refusal) {
  if (state_ != State::kStarting) {
    ++counts_.unknown;
    return;
  }
  const bool too_high = says_version_too_high(refusal.message);
  close(too_high ? Reason::kVersionTooHigh : Reason::kRefused, "the manager refused the agent: " + refusal.message);
}

void Session::on(ActiveResponse& response) {
  messages_.emplace_back(std::move(response));
}

void Session::on(const ForceReconnect&) {
  close(Reason::kForceReconnect, "the manager asked for a reconnect");
}

void Session::on(FileStart& start) {
  if (file_) ++counts_.files_bad;
  file_.emplace(OpenFile{std::move(start), {}, false});
}

void Session::on(const FileChunk& chunk) {
  if (!file_) {
    ++counts_.unknown;
    return;
  }
  if (file_->too_long || file_->content.size() + chunk.bytes.size() > options_.shared_file_bytes_max) {
    file_->too_long = true;
    file_->content = {};
    return;
  }
  file_->content += chunk.bytes;
}

void Session::on(const FileEnd&) {
  if (!file_) {
    ++counts_.unknown;
    return;
  }
  OpenFile file = std::move(*file_);
  file_.reset();
  if (file.too_long) {  // as if it were taken, or the manager would send it for ever
    ++counts_.files_bad;
    if (file.start.name == "merged.mg") options_.shared_md5 = file.start.md5;
    messages_.emplace_back(SharedFile{std::move(file.start.name), std::move(file.start.md5), {}, true});
    return;
  }
  std::string md5 = md5_hex(file.content);
  if (md5 != file.start.md5) {
    ++counts_.files_bad;
    return;
  }
  if (file.start.name == "merged.mg") options_.shared_md5 = md5;
  messages_.emplace_back(SharedFile{std::move(file.start.name), std::move(md5), std::move(file.content), false});
}

void Session::on(const Request& request) {
  if (options_.datagrams) {
    if (request.target == kRequestAck && request.payload.empty()) return answers_.acknowledged(request.counter);
    send(response_message(request.counter, kRequestAck));
    if (answers_.seen(request.counter)) return;
  }
  Answer made = answer(request);
  std::string message = response_message(request.counter, made.text);
  send(message);
  if (options_.datagrams) answers_.sent(request.counter, std::move(message), clock_.monotonic_ns());
  if (made.action != AgentAction::kNone) messages_.emplace_back(made.action);
}

void Session::on(const Unknown&) {
  ++counts_.unknown;
}

Answer Session::answer(const Request& request) const {
  if (!options_.answer) return {"err Unrecognized command", AgentAction::kNone};
  RequestFacts facts;
  facts.last_keepalive_ns = last_keepalive_realtime_ns_;
  facts.last_ack_ns = last_ack_realtime_ns_;
  facts.messages = counts_.messages;
  facts.cipher = options_.cipher;
  facts.now_ns = clock_.realtime_ns();
  Answer made = options_.answer(request, facts);
  if (made.text.size() > kAnswerBytesMax) made.text = "err The answer is too long";
  return made;
}

}  // namespace tiercel::wazuh
