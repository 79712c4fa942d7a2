// The workers of the receiver: what a manager does with a frame.
#include <rapidjson/document.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "agent/base/clock.h"
#include "siem/wazuh/manager/receiver.h"
#include "siem/wazuh/message.h"
#include "siem/wazuh/tcp.h"

namespace tiercel::wazuh {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr size_t kResponsesMax = 1'000;
constexpr std::string_view kStartup = "#!-agent startup";
constexpr std::string_view kResponse = "#!-req ";
constexpr std::string_view kVersionMissing = R"(#!-err {"message":"Couldn't retrieve version"})";
constexpr std::string_view kVersionTooHigh =
    R"(#!-err {"message":"Agent version must be lower or equal to manager version"})";
// The queues that the manager's analysis knows.
constexpr std::string_view kQueues = "123458 9defpu";

// "location:" with "|:" for ':' and "||" for '|', taken off the text.
std::optional<std::string> take_location(std::string_view& text) {
  std::string location;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '|' && i + 1 < text.size() && (text[i + 1] == ':' || text[i + 1] == '|')) {
      location += text[++i];
    } else if (text[i] == ':') {
      text.remove_prefix(i + 1);
      return location;
    } else {
      location += text[i];
    }
  }
  return std::nullopt;
}

// The MD5 that the keep-alive names for merged.mg; empty: none.
std::string_view merged_md5(std::string_view keepalive) {
  constexpr std::string_view kName = " merged.mg";
  const size_t name = keepalive.find(kName);
  if (name == std::string_view::npos) return {};
  const size_t line = keepalive.rfind('\n', name);
  const size_t begin = line == std::string_view::npos ? 0 : line + 1;
  return keepalive.substr(begin, name - begin);
}

}  // namespace

void Receiver::work(size_t number) {
  Worker worker;
  worker.random.seed(options_.seed * 1'000 + number);
  for (;;) {
    Taken taken;
    {
      std::unique_lock lock(queue_mutex_);
      queue_changed_.wait(lock, [this] { return queue_closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      taken = std::move(queue_.front());
      queue_.pop_front();
    }
    stall(worker);
    // kill -9 between taking and finishing.
    if (killed_) {
      ++counts_.gone;
      continue;
    }
    handle(worker, taken);
  }
}

void Receiver::stall(Worker& worker) {
  if (options_.stall_ms_max <= 0 || static_cast<int>(worker.random() % 100) >= options_.stall_percent) return;
  const uint64_t until_ns =
      deadline_in_ms(static_cast<int>(worker.random() % static_cast<uint64_t>(options_.stall_ms_max + 1)));
  while (monotonic_now_ns() < until_ns && !killed_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

Codec& Receiver::codec_for(Worker& worker, const AgentKey& key) {
  const auto found = worker.codecs.find(key.id);
  if (found != worker.codecs.end() && found->second.first == key.key) return found->second.second;
  worker.codecs.erase(key.id);
  auto made = worker.codecs.emplace(key.id, std::pair(key.key, Codec(derive_key(key.id, key.name, key.key))));
  return made.first->second.second;
}

void Receiver::handle(Worker& worker, const Taken& taken) {
  if (taken.payload == kPing) {
    ++counts_.pings;
    if (options_.answer_pings) taken.connection->send_past_queue(kPong);
    return;
  }
  const auto split = split_agent_payload(taken.payload);
  if (!split) return refuse(taken.connection, "no agent's id at the beginning of a frame");
  const auto key = agents_.known(split->id);
  if (!key) return refuse(taken.connection, "an id that no agent has: " + std::string(split->id));
  Codec& codec = codec_for(worker, *key);
  const OpenedFrame opened = codec.open(split->rest);
  if (opened.fault != FrameFault::kNone)
    return refuse(taken.connection, "agent " + key->id + " sent " + explain(opened.fault));
  if (options_.verify_counter && !counter_is_new(*key, opened.counter))
    return refuse(taken.connection, "agent " + key->id + " sent " + explain(FrameFault::kOldCounter));
  if (!claim(taken.connection, *key, opened.cipher))
    return refuse(taken.connection, "agent " + key->id + " is connected already");
  handle_message(worker, taken, *key, opened.message);
}

bool Receiver::counter_is_new(const AgentKey& key, MessageCounter counter) {
  std::lock_guard lock(agents_mutex_);
  MessageCounter& last = last_counters_[key.id];
  if (counter <= last) return false;
  last = counter;
  return true;
}

// One connection for an agent; a new one replaces it only when it was silent for long.
bool Receiver::claim(const ConnectionPtr& connection, const AgentKey& key, Cipher cipher) {
  std::lock_guard lock(agents_mutex_);
  if (const auto found = by_agent_.find(key.id); found != by_agent_.end()) {
    const ConnectionPtr& current = found->second;
    if (current != connection && !current->close_asked() && connection->datagrams()) {
      current->ask_to_close();  // over UDP an agent is where its last datagram came from
    } else if (current != connection && !current->close_asked()) {
      const uint64_t silent_ns = monotonic_now_ns() - current->last_message_ns();
      if (silent_ns < static_cast<uint64_t>(options_.overtake_ms) * kNsPerMs) return false;
      current->ask_to_close();
    }
  }
  // A frame can be handled after its connection is gone.
  if (!connection->close_asked()) by_agent_[key.id] = connection;
  connection->note_agent(key.id, cipher);
  return true;
}

void Receiver::handle_message(Worker& worker, const Taken& taken, const AgentKey& key, std::string_view message) {
  {
    std::lock_guard lock(silence_mutex_);
    silence_.heard(key.id, key.name, monotonic_now_ns());
    if (message.starts_with(kStartup)) silence_.started(key.id);
    if (message == kShutdown) silence_.ended(key.id);
  }
  if (!message.starts_with(kControlPrefix)) return handle_event(taken, key, message);
  taken.connection->note_control();
  handle_control(worker, taken.connection, key, message);
}

void Receiver::handle_control(Worker& worker, const ConnectionPtr& connection, const AgentKey& key,
                              std::string_view message) {
  if (message == kShutdown) {
    ++counts_.shutdowns;
    log("agent " + key.id + " (" + key.name + ") ends");
    return;
  }
  if (message.starts_with(kResponse)) return handle_response(worker, connection, key, message.substr(kResponse.size()));
  if (message.starts_with(kStartup)) return handle_startup(worker, connection, key, message.substr(kStartup.size()));
  handle_keepalive(worker, connection, key, message);
}

void Receiver::handle_response(Worker& worker, const ConnectionPtr& connection, const AgentKey& key,
                               std::string_view response) {
  if (connection->datagrams()) {
    const std::string_view counter = response.substr(0, response.find(' '));
    request_heard(counter);
    if (response.substr(std::min(counter.size() + 1, response.size())) == kRequestAck) return;
    send_to(codec_for(worker, key), connection, response_message(counter, kRequestAck));
    std::lock_guard lock(agents_mutex_);
    if (!answered_.emplace(counter).second) return;  // a repeat
  }
  ++counts_.responses;
  if (options_.on_response) {
    std::lock_guard lock(callback_mutex_);
    options_.on_response(key.id, response);
  }
  std::lock_guard lock(agents_mutex_);
  if (responses_.size() < kResponsesMax) responses_.emplace_back(response);
}

void Receiver::handle_startup(Worker& worker, const ConnectionPtr& connection, const AgentKey& key,
                              std::string_view json) {
  ++counts_.startups;
  Codec& codec = codec_for(worker, key);
  if (json.starts_with(' ')) json.remove_prefix(1);
  if (json.starts_with('{')) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
    const bool has_version = !document.HasParseError() && document.IsObject() && document.HasMember("version") &&
                             document["version"].IsString();
    if (!has_version) {
      send_to(codec, connection, kVersionMissing);
      return;
    }
    if (agents_.version_is_too_high(document["version"].GetString())) {
      send_to(codec, connection, kVersionTooHigh);
      return;
    }
  }
  log("agent " + key.id + " (" + key.name + ") connected from " + connection->address());
  send_to(codec, connection, kAck);
}

void Receiver::handle_keepalive(Worker& worker, const ConnectionPtr& connection, const AgentKey& key,
                                std::string_view message) {
  if (message.rfind('\n') == std::string_view::npos)
    return log("agent " + key.id + ": a control message without an end");
  ++counts_.keepalives;
  Codec& codec = codec_for(worker, key);
  send_to(codec, connection, kAck);
  std::string file;
  {
    std::lock_guard lock(agents_mutex_);
    if (shared_md5_.empty() || merged_md5(message) == shared_md5_) return;
    file = shared_file_;
  }
  push_file(codec, connection, file);
}

void Receiver::handle_event(const Taken& taken, const AgentKey& key, std::string_view message) {
  DevEvent event;
  event.connection = taken.connection->number();
  event.frame = taken.frame;
  event.received_ns = SystemClock().realtime_ns();
  event.agent_id = key.id;
  event.agent_name = key.name;
  std::optional<std::string> location;
  if (message.size() > 2 && message[1] == ':' && kQueues.find(message[0]) != std::string_view::npos) {
    event.queue = message[0];
    message.remove_prefix(2);
    location = take_location(message);
  }
  if (!location) {
    ++counts_.malformed_events;
    return log("agent " + key.id + ": an event without queue and location");
  }
  if (location->starts_with("keepalive")) return;
  event.location = std::move(*location);
  event.text = message;
  {
    std::lock_guard lock(silence_mutex_);
    silence_.event(key.id, event.text);
  }
  if (options_.on_event) {
    std::lock_guard lock(callback_mutex_);
    options_.on_event(event);
  }
  ++counts_.events;  // after the callback: who sees the count has seen the event
}

}  // namespace tiercel::wazuh
