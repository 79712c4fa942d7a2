#include "siem/wazuh/manager/connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "siem/wazuh/crypto.h"
#include "siem/wazuh/tcp.h"

namespace tiercel::wazuh {

Connection::Read Connection::read_some() {
  std::array<char, 64 * 1024> chunk;
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Read::kNothing;
    if (got <= 0) return Read::kEnd;
    reader_.append({chunk.data(), static_cast<size_t>(got)});
    return Read::kSome;
  }
}

bool Connection::send_datagram(std::string_view payload) {
  if (static_cast<int>(random_u32() % 100) < peer_.loss_percent) return true;
  const ssize_t put = ::sendto(peer_.socket->get(), payload.data(), payload.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                               reinterpret_cast<const sockaddr*>(&peer_.address), peer_.size);
  return put >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS);
}

uint64_t Connection::flush_datagrams() {
  constexpr int kFullPauseMs = 5;
  std::lock_guard lock(mutex_);
  for (; !out_.empty(); out_.pop_front()) {
    if (!send_datagram(out_.front())) return deadline_in_ms(kFullPauseMs);
    out_bytes_ -= out_.front().size();
  }
  return 0;
}

uint64_t Connection::flush(bool split, int pause_ms) {
  if (datagrams()) return flush_datagrams();
  // The lock is given back between two sends: that is where a pong can come in.
  for (;;) {
    std::lock_guard lock(mutex_);
    if (out_.empty() || !fd_.valid()) return 0;
    if (second_part_ns_ != 0 && monotonic_now_ns() < second_part_ns_) return second_part_ns_;
    const std::string& front = out_.front();
    std::string_view part = std::string_view(front).substr(front_sent_);
    const bool first_part = split && front_sent_ == 0 && part.size() > 1;
    if (first_part) part = part.substr(0, part.size() / 2);
    const ssize_t put = ::send(fd_.get(), part.data(), part.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return UINT64_MAX;
    if (put < 0) {
      close_asked_ = true;
      return 0;
    }
    front_sent_ += static_cast<size_t>(put);
    second_part_ns_ = first_part ? deadline_in_ms(pause_ms) : 0;
    if (front_sent_ < front.size()) continue;
    out_bytes_ -= front.size();
    out_.pop_front();
    front_sent_ = 0;
    second_part_ns_ = 0;
  }
}

void Connection::close_now() {
  std::lock_guard lock(mutex_);
  fd_.reset();
  close_asked_ = true;
}

bool Connection::queue(std::string_view payload, size_t bytes_max) {
  std::lock_guard lock(mutex_);
  std::string framed = datagrams() ? std::string(payload) : frame(payload);
  if (close_asked_ || out_bytes_ + framed.size() > bytes_max) return false;
  out_bytes_ += framed.size();
  out_.push_back(std::move(framed));
  return true;
}

size_t Connection::queued_bytes() const {
  std::lock_guard lock(mutex_);
  return out_bytes_;
}

bool Connection::send_past_queue(std::string_view payload) {
  std::lock_guard lock(mutex_);
  if (datagrams()) return !close_asked_ && send_datagram(payload);
  if (close_asked_ || !fd_.valid()) return false;
  const std::string framed = frame(payload);
  return ::send(fd_.get(), framed.data(), framed.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(framed.size());
}

void Connection::ask_to_close() {
  std::lock_guard lock(mutex_);
  close_asked_ = true;
}

bool Connection::close_asked() const {
  std::lock_guard lock(mutex_);
  return close_asked_;
}

void Connection::note_agent(const std::string& id, Cipher cipher) {
  std::lock_guard lock(mutex_);
  agent_id_ = id;
  cipher_ = cipher;
  last_message_ns_ = monotonic_now_ns();
}

std::string Connection::agent_id() const {
  std::lock_guard lock(mutex_);
  return agent_id_;
}

Cipher Connection::cipher() const {
  std::lock_guard lock(mutex_);
  return cipher_;
}

void Connection::note_control() {
  std::lock_guard lock(mutex_);
  had_control_ = true;
}

bool Connection::had_control() const {
  std::lock_guard lock(mutex_);
  return had_control_;
}

uint64_t Connection::last_message_ns() const {
  std::lock_guard lock(mutex_);
  return last_message_ns_;
}

}  // namespace tiercel::wazuh
