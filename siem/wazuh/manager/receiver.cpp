#include "siem/wazuh/manager/receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "agent/base/clock.h"
#include "siem/wazuh/tcp.h"

namespace tiercel::wazuh {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr int kSplitPauseMs = 2;
constexpr int kPollMsMax = 1'000;
constexpr size_t kFixedFds = 3;  // the listener, the wake-up, the UDP socket

uint64_t unix_now_s() {
  return static_cast<uint64_t>(::time(nullptr));
}

}  // namespace

Receiver::Receiver(const DevManagerOptions& options, AgentStore& agents)
    : options_(options), agents_(agents), reads_(options.frames_max_per_s), counter_({}, unix_now_s()) {}

Receiver::~Receiver() {
  stop(false);
}

Result<> Receiver::start() {
  if (options_.verify_counter && options_.workers != 1)
    return fail("counters can be verified with one worker only: several do not keep the order", Fault::kUser);
  if (options_.tcp) {
    Result<Fd> listener = listen_on_loopback(options_.address, options_.port);
    if (!listener) return tl::unexpected(listener.error());
    listener_ = std::move(*listener);
    port_ = local_port(listener_.get());
  }
  if (options_.udp)
    if (auto opened = open_udp(); !opened) return opened;
  wake_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd_.valid()) return fail_errno("cannot make an eventfd", errno);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  loop_thread_ = std::thread([this] { loop(); });
  for (int i = 0; i < std::max(options_.workers, 1); ++i)
    workers_.emplace_back([this, i] { work(static_cast<size_t>(i)); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return {};
}

void Receiver::stop(bool finish_queue) {
  if (!loop_thread_.joinable()) return;
  if (!finish_queue) killed_ = true;
  ending_ = true;
  wake();
  loop_thread_.join();
  {
    std::lock_guard lock(queue_mutex_);
    queue_closed_ = true;
    if (!finish_queue) {
      counts_.gone += queue_.size();
      queue_.clear();
    }
  }
  queue_changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void Receiver::wake() {
  const uint64_t one = 1;
  while (::write(wake_fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Receiver::loop() {
  std::vector<pollfd> fds;
  while (!ending_) {
    const bool full = reads_.available(monotonic_now_ns()) == 0;
    const short reading = full ? 0 : POLLIN;
    fds.assign({{listener_.get(), POLLIN, 0}, {wake_fd_.get(), POLLIN, 0}, {udp_ ? udp_->get() : -1, reading, 0}});
    uint64_t next_ns = std::min(deadline_in_ms(kPollMsMax), repeat_requests());
    if (full) next_ns = std::min(next_ns, reads_.next_ns());
    for (const ConnectionPtr& connection : connections_) {
      const uint64_t when_ns = connection->flush(options_.split_frames, kSplitPauseMs);
      if (when_ns != 0 && when_ns != UINT64_MAX) next_ns = std::min(next_ns, when_ns);
      const short events = static_cast<short>(when_ns == UINT64_MAX ? reading | POLLOUT : reading);
      fds.push_back({connection->fd(), events, 0});
    }
    const uint64_t now_ns = monotonic_now_ns();
    const uint64_t left_ms = next_ns > now_ns ? (next_ns - now_ns) / kNsPerMs + 1 : 0;
    ::poll(fds.data(), fds.size(), static_cast<int>(left_ms));
    uint64_t wakes = 0;
    while (::read(wake_fd_.get(), &wakes, sizeof wakes) < 0 && errno == EINTR) {
    }
    tell_silence();
    const std::vector<ConnectionPtr> polled = connections_;
    for (size_t i = 0; i < polled.size(); ++i) {
      if (!polled[i]->close_asked() && (fds[i + kFixedFds].revents & ~POLLOUT) != 0) read_frames(polled[i]);
      if (polled[i]->close_asked()) drop(polled[i]);
    }
    if ((fds[0].revents & POLLIN) != 0) accept_all();
    if ((fds[2].revents & POLLIN) != 0) read_datagrams();
  }
  listener_.reset();
  const std::vector<ConnectionPtr> last = connections_;
  for (const ConnectionPtr& connection : last) drop(connection);
}

void Receiver::tell_silence() {
  std::vector<Silence::Finding> findings;
  {
    std::lock_guard lock(silence_mutex_);
    findings = silence_.look(monotonic_now_ns());
  }
  for (const Silence::Finding& finding : findings) {
    DevEvent event;
    event.received_ns = SystemClock().realtime_ns();
    event.agent_id = finding.agent_id;
    event.agent_name = finding.agent_name;
    event.location = "dev-manager";
    event.text = text_of(finding, ++told_, event.received_ns);
    if (!options_.on_event) return log(finding.message);
    std::lock_guard lock(callback_mutex_);
    options_.on_event(event);
  }
}

void Receiver::accept_all() {
  for (;;) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    Fd fd(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) return;
    connections_.push_back(std::make_shared<Connection>(std::move(fd), address_text(from), ++counts_.connections));
  }
}

void Receiver::read_frames(const ConnectionPtr& connection) {
  const Connection::Read outcome = connection->read_some();
  if (outcome == Connection::Read::kNothing) return;
  FrameReader& reader = connection->reader();
  for (;;) {
    const FrameReader::State state = reader.next();
    if (state == FrameReader::State::kIncomplete) break;
    if (state == FrameReader::State::kFault) {
      refuse(connection, explain(reader.fault()));
      return;
    }
    take(connection, reader.payload());
    reader.consume();
  }
  if (outcome == Connection::Read::kEnd) connection->ask_to_close();
}

void Receiver::take(const ConnectionPtr& connection, std::string_view payload) {
  ++counts_.frames;
  reads_.take(monotonic_now_ns());
  const uint64_t place = connection->next_frame();
  {
    std::lock_guard lock(queue_mutex_);
    if (queue_.size() >= options_.queue_frames_max) {
      ++counts_.dropped;
      return;
    }
    queue_.push_back({connection, std::string(payload), place});
  }
  queue_changed_.notify_one();
}

void Receiver::drop(const ConnectionPtr& connection) {
  connection->close_now();
  std::erase(connections_, connection);
  std::erase_if(udp_connections_, [&connection](const auto& entry) { return entry.second == connection; });
  std::lock_guard lock(agents_mutex_);
  std::erase_if(by_agent_, [&connection](const auto& entry) { return entry.second == connection; });
}

void Receiver::refuse(const ConnectionPtr& connection, std::string_view why) {
  if (connection->datagrams()) return log("dropped a datagram from " + connection->address() + ": " + std::string(why));
  ++counts_.closed_by_us;
  log(std::string("closed a connection from ") + connection->address() + ": " + std::string(why));
  connection->ask_to_close();
  wake();
}

void Receiver::log(std::string_view line) {
  if (!options_.on_log) return;
  std::lock_guard lock(callback_mutex_);
  options_.on_log(line);
}

bool Receiver::send_to(Codec& codec, const ConnectionPtr& connection, std::string_view message) {
  // Numbered and queued in one: who is overtaken on the way has an old number, and the agent drops it.
  auto queue = [&] {
    std::lock_guard lock(counter_mutex_);
    const auto payload =
        codec.seal(message, static_cast<uint16_t>(random_u32()), counter_.next(), connection->cipher());
    return payload && connection->queue(*payload, options_.send_buffer_bytes);
  };
  bool queued = queue();
  if (!queued && !connection->close_asked()) {
    // remoted waits once for a second, then drops the message.
    const uint64_t until_ns = deadline_in_ms(1'000);
    while (!queued && !ending_ && !connection->close_asked() && monotonic_now_ns() < until_ns) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      queued = queue();
    }
  }
  if (!queued) ++counts_.send_dropped;
  wake();
  return queued;
}

bool Receiver::send(const std::string& agent_id, std::string_view message) {
  std::vector<std::pair<std::string, ConnectionPtr>> to;
  {
    std::lock_guard lock(agents_mutex_);
    for (const auto& [id, connection] : by_agent_)
      if ((agent_id.empty() || id == agent_id) && connection->had_control()) to.emplace_back(id, connection);
  }
  bool any = false;
  for (const auto& [id, connection] : to) {
    const auto key = agents_.known(id);
    if (!key) continue;
    Codec codec(derive_key(key->id, key->name, key->key));
    if (connection->datagrams()) note_request(id, message);
    any = send_to(codec, connection, message) || any;
  }
  return any;
}

void Receiver::push_shared(std::string merged_file) {
  std::vector<std::pair<std::string, ConnectionPtr>> to;
  {
    std::lock_guard lock(agents_mutex_);
    shared_md5_ = md5_hex(merged_file);
    shared_file_ = merged_file;
    for (const auto& [id, connection] : by_agent_)
      if (connection->had_control()) to.emplace_back(id, connection);
  }
  for (const auto& [id, connection] : to) {
    const auto key = agents_.known(id);
    if (!key) continue;
    Codec codec(derive_key(key->id, key->name, key->key));
    push_file(codec, connection, merged_file);
  }
}

void Receiver::push_file(Codec& codec, const ConnectionPtr& connection, const std::string& file) {
  constexpr size_t kChunkBytes = 900;
  std::lock_guard lock(push_mutex_);
  send_to(codec, connection, "#!-up file " + md5_hex(file) + " merged.mg\n");
  for (size_t begin = 0; begin < file.size(); begin += kChunkBytes)
    send_to(codec, connection, std::string_view(file).substr(begin, kChunkBytes));
  send_to(codec, connection, "#!-close file ");
}

void Receiver::add_counts(DevManagerCounts& counts) const {
  counts.connections += counts_.connections;
  counts.closed_by_us += counts_.closed_by_us;
  counts.frames += counts_.frames;
  counts.dropped += counts_.dropped;
  counts.gone += counts_.gone;
  counts.events += counts_.events;
  counts.malformed_events += counts_.malformed_events;
  counts.startups += counts_.startups;
  counts.keepalives += counts_.keepalives;
  counts.shutdowns += counts_.shutdowns;
  counts.pings += counts_.pings;
  counts.responses += counts_.responses;
  counts.send_dropped += counts_.send_dropped;
}

std::vector<std::string> Receiver::connected_agents() const {
  std::lock_guard lock(agents_mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, connection] : by_agent_)
    if (connection->had_control()) ids.push_back(id);
  return ids;
}

std::vector<std::string> Receiver::responses() const {
  std::lock_guard lock(agents_mutex_);
  return responses_;
}

}  // namespace tiercel::wazuh
