#include "siem/wazuh/secure_udp.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tiercel::wazuh {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kPatienceNsMin = 1'000 * kNsPerMs;  // a manager's worker may stall
constexpr uint64_t kPatienceNsMax = 16'000 * kNsPerMs;
constexpr int kDatagramsAtOnce = 256;

SecureTcpOptions with_datagrams(SecureTcpOptions options) {
  options.session.datagrams = true;
  return options;
}

}  // namespace

SecureUdp::SecureUdp(SecureTcpOptions options, SenderCounter& counter, Metrics& metrics, const Clock& clock)
    : SecureTcp(with_datagrams(std::move(options)), counter, metrics, clock) {}

Result<Fd> SecureUdp::open_socket(const std::string& host, uint16_t port, const WaitLimit& limit) {
  return connect_udp(host, port, turn_++, limit);
}

Result<> SecureUdp::connect(const Target& target, const AgentKey& key, const WaitLimit& limit) {
  begin_batch();
  ping_ns_ = 0;
  pongs_before_ = 0;
  patience_ns_ = kPatienceNsMin;
  return SecureTcp::connect(target, key, limit);
}

void SecureUdp::begin_batch() {
  batch_rows_ = 0;
  batch_pinged_ = false;
}

void SecureUdp::ping() {
  SecureTcp::ping();
  ping_ns_ = clock().monotonic_ns();
}

// One at a time: so it is plain which of them was answered.
bool SecureUdp::hold_pings() const {
  return ping_ns_ != 0 || SecureTcp::hold_pings();
}

size_t SecureUdp::room(alert::Lane lane) const {
  return std::min(SecureTcp::room(lane), kBatchRows - std::min(batch_rows_, kBatchRows));
}

bool SecureUdp::send_row(alert::Lane lane, uint64_t seq, std::string_view text) {
  ++batch_rows_;
  return SecureTcp::send_row(lane, seq, text);
}

void SecureUdp::service() {
  SecureTcp::service();
  if (state() == State::kReady) look_at_ping();
  if (state() != State::kReady || batch_rows_ < kBatchRows || hold_pings()) return;
  ping();
  batch_pinged_ = true;
  write_some();
}

void SecureUdp::look_at_ping() {
  const uint64_t pongs = session().counts().pongs;
  const bool answered = pongs != std::exchange(pongs_before_, pongs);
  if (ping_ns_ == 0) return;
  if (answered) {
    ping_ns_ = 0;
    patience_ns_ = kPatienceNsMin;
    if (batch_pinged_) begin_batch();
    return;
  }
  if (clock().monotonic_ns() < ping_ns_ + patience_ns_) return;
  if (patience_ns_ == kPatienceNsMax) return lose("the manager does not answer pings (over UDP)");
  // The ping or its answer was lost, and with it who knows what: all that is unconfirmed is read and sent again.
  patience_ns_ *= 2;
  ping_ns_ = 0;
  delivery().start_over();
  begin_batch();
}

uint64_t SecureUdp::next_tick_ns() const {
  const uint64_t next_ns = SecureTcp::next_tick_ns();
  return ping_ns_ == 0 || state() != State::kReady ? next_ns : std::min(next_ns, ping_ns_ + patience_ns_);
}

void SecureUdp::read_some() {
  std::array<char, kPayloadBytesMax> datagram;
  for (int i = 0; i < kDatagramsAtOnce && session().state() != Session::State::kClosed; ++i) {
    const ssize_t got = ::recv(fd(), datagram.data(), datagram.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got < 0) {
      lose(errno == ECONNREFUSED ? std::string("nobody listens on that UDP port of the manager")
                                 : std::string("the UDP socket to the manager failed: ") + std::strerror(errno));
      return;
    }
    session().receive_datagram({datagram.data(), static_cast<size_t>(got)});
    keep_messages();
  }
}

void SecureUdp::write_some() {
  while (output_bytes() > 0) {
    const std::string_view payload = first_payload(session().output());
    const ssize_t put = ::send(fd(), payload.data(), payload.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) return;
    if (put < 0 && errno == EMSGSIZE) {
      count_unsendable();
    } else if (put < 0) {
      lose(errno == ECONNREFUSED ? std::string("nobody listens on that UDP port of the manager")
                                 : std::string("the UDP socket to the manager failed: ") + std::strerror(errno));
      return;
    }
    session().consume_output(kLengthBytes + payload.size());
  }
}

void SecureUdp::say_goodbye(const WaitLimit&) {}  // nobody will tell whether it was heard

}  // namespace tiercel::wazuh
