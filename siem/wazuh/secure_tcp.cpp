#include "siem/wazuh/secure_tcp.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tiercel::wazuh {
namespace {

// Beyond this nothing more is put before the socket: what waits here would only grow old.
constexpr size_t kOutputBytesMax = 128 * 1024;
constexpr size_t kReadBytes = 64 * 1024;
constexpr int kReadsAtOnce = 16;  // then the others get their turn; a manager drops what we leave in its buffer

std::array<Counter*, kFrameFaults> fault_counters(Metrics& metrics) {
  std::array<Counter*, kFrameFaults> counters{};
  for (size_t i = 1; i < kFrameFaults; ++i)
    counters[i] = &metrics.counter("tiercel_wazuh_bad_frames_total",
                                   "Frames from the manager that were not as they must be, by cause",
                                   {{"cause", short_name(static_cast<FrameFault>(i))}});
  return counters;
}

}  // namespace

SecureTcp::SecureTcp(SecureTcpOptions options, SenderCounter& counter, Metrics& metrics, const Clock& clock)
    : options_(std::move(options)),
      counter_(counter),
      clock_(clock),
      delivery_(options_.delivery, clock),
      acks_(metrics.counter("tiercel_wazuh_acks_total", "Acknowledgements of startups and keep-alives")),
      pings_(metrics.counter("tiercel_wazuh_pings_total", "Barriers sent to the manager")),
      pongs_(metrics.counter("tiercel_wazuh_pongs_total", "Barriers that the manager answered")),
      pongs_cut_(
          metrics.counter("tiercel_wazuh_pongs_cut_total", "Barriers that the manager answered inside another frame")),
      unknown_(metrics.counter("tiercel_wazuh_unknown_messages_total",
                               "Messages from the manager that the agent does not know")),
      files_bad_(metrics.counter("tiercel_wazuh_bad_shared_files_total",
                                 "Shared files with a wrong MD5, too long, or broken off")),
      too_long_(metrics.counter("tiercel_wazuh_too_long_total", "Messages that fit into no frame and were not sent")),
      faults_(fault_counters(metrics)) {
  shared_md5_ = options_.session.shared_md5;
}

Result<Fd> SecureTcp::open_socket(const std::string& host, uint16_t port, const WaitLimit& limit) {
  return connect_tcp(host, port, limit);
}

Result<> SecureTcp::connect(const Target& target, const AgentKey& key, const WaitLimit& limit) {
  close();
  end_ = End::kNone;
  end_text_.clear();
  Result<Fd> fd = open_socket(target.host, target.port, limit);
  if (!fd) return tl::unexpected(fd.error());
  fd_ = std::move(*fd);
  SessionOptions options = options_.session;
  options.key = key;
  options.version = target.version;
  options.shared_md5 = shared_md5_;
  session_ = std::make_unique<Session>(std::move(options), counter_, clock_);
  noted_ = {};
  session_->start(local_address(fd_.get()));
  return {};
}

void SecureTcp::close() {
  if (session_) note_session();
  session_.reset();
  hang_up();
  delivery_.start_over();
}

Transport::State SecureTcp::state() const {
  if (!session_ || !fd_.valid()) return State::kDown;
  switch (session_->state()) {
    case Session::State::kStarting:
      return State::kStarting;
    case Session::State::kRunning:
      return State::kReady;
    default:
      return State::kDown;
  }
}

size_t SecureTcp::output_bytes() const {
  return session_ ? session_->output().size() : 0;
}

short SecureTcp::poll_events() const {
  return static_cast<short>(output_bytes() > 0 ? POLLIN | POLLOUT : POLLIN);
}

uint64_t SecureTcp::next_tick_ns() const {
  if (state() == State::kDown) return UINT64_MAX;
  uint64_t next_ns = session_->next_tick_ns();
  if (state() == State::kReady) next_ns = std::min(next_ns, delivery_.next_tick_ns(hold_pings()));
  return next_ns;
}

void SecureTcp::service() {
  if (state() == State::kDown) return;
  read_some();
  if (!fd_.valid()) return;
  session_->tick();
  delivery_.pongs_received(session_->take_pongs());
  if (session_->state() == Session::State::kRunning && delivery_.ping_due(hold_pings())) ping();
  note_session();
  if (session_->state() == Session::State::kClosed)
    lose(session_->reason_text());
  else if (delivery_.unanswered_too_long())
    lose("the manager does not answer pings any more");
  else
    write_some();
}

bool SecureTcp::hold_pings() const {
  return session_->receiving_file();
}

void SecureTcp::ping() {
  session_->send_ping();
  delivery_.ping_sent();
  pings_.add();
}

void SecureTcp::keep_messages() {
  for (Session::Message& message : session_->take_messages()) messages_.push_back(std::move(message));
}

void SecureTcp::read_some() {
  std::array<char, kReadBytes> chunk;
  for (int i = 0; i < kReadsAtOnce && session_->state() != Session::State::kClosed; ++i) {
    const ssize_t got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got < 0 && errno != ECONNRESET) {
      lose(std::string("the connection to the manager failed: ") + std::strerror(errno));
      return;
    }
    if (got <= 0) {
      session_->end_of_stream();
      return;
    }
    session_->receive({chunk.data(), static_cast<size_t>(got)});
    keep_messages();
  }
}

void SecureTcp::write_some() {
  while (output_bytes() > 0) {
    const std::string_view output = session_->output();
    const ssize_t put = ::send(fd_.get(), output.data(), output.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    // A reset can come with the manager's last words still unread: the next read gives the better reason.
    if (put < 0 && (errno == EPIPE || errno == ECONNRESET)) read_some();
    if (put < 0) {
      lose(!session_ || session_->reason_text().empty()
               ? std::string("the connection to the manager failed: ") + std::strerror(errno)
               : session_->reason_text());
      return;
    }
    session_->consume_output(static_cast<size_t>(put));
  }
}

void SecureTcp::lose(const std::string& why) {
  note_session();
  end_text_ = why;
  end_ = End::kLost;
  switch (session_->reason()) {
    case Session::Reason::kForceReconnect:
      end_ = End::kAsked;
      break;
    case Session::Reason::kRefused:
      end_ = End::kRefused;
      break;
    case Session::Reason::kVersionTooHigh:
      end_ = End::kVersionTooHigh;
      break;
    case Session::Reason::kPeerClosed:
      if (!session_->heard_anything()) end_ = End::kKeyUnknown;
      break;
    case Session::Reason::kNoAnswer:  // that is what an unknown key looks like over UDP
      if (options_.session.datagrams && !session_->heard_anything()) end_ = End::kKeyUnknown;
      break;
    default:
      break;
  }
  hang_up();
}

// The end for the manager, too, whoever else has the socket (Contact).
void SecureTcp::hang_up() {
  if (fd_.valid()) ::shutdown(fd_.get(), SHUT_RDWR);
  fd_.reset();
}

void SecureTcp::note_session() {
  const SessionCounts& now = session_->counts();
  acks_.add(now.acks - noted_.acks);
  pongs_.add(now.pongs - noted_.pongs);
  pongs_cut_.add(now.pongs_cut - noted_.pongs_cut);
  unknown_.add(now.unknown - noted_.unknown);
  files_bad_.add(now.files_bad - noted_.files_bad);
  too_long_.add(now.too_long - noted_.too_long);
  for (size_t i = 1; i < kFrameFaults; ++i) faults_[i]->add(now.faults[i] - noted_.faults[i]);
  noted_ = now;
  shared_md5_ = session_->shared_md5();
  last_ack_realtime_ns_ = std::max(last_ack_realtime_ns_, session_->last_ack_realtime_ns());
  last_keepalive_realtime_ns_ = std::max(last_keepalive_realtime_ns_, session_->last_keepalive_realtime_ns());
}

size_t SecureTcp::room(alert::Lane lane) const {
  return state() == State::kReady && output_bytes() < kOutputBytesMax ? delivery_.room(lane) : 0;
}

bool SecureTcp::send_row(alert::Lane lane, uint64_t seq, std::string_view text) {
  session_->send_event(text);
  return delivery_.sent(lane, seq);
}

void SecureTcp::send_unconfirmed(std::string_view text) {
  if (state() == State::kReady) session_->send_event(text);
}

std::optional<Transport::Confirmed> SecureTcp::take_confirmed(alert::Lane lane) {
  const auto confirmed = delivery_.take_confirmed(lane);
  if (!confirmed) return std::nullopt;
  return Confirmed{confirmed->seq, confirmed->rows};
}

std::vector<Transport::Message> SecureTcp::take_messages() {
  return std::exchange(messages_, {});
}

void SecureTcp::finish(const WaitLimit& limit) {
  if (state() == State::kReady) session_->send_shutdown();
  while (fd_.valid() && output_bytes() > 0) {
    write_some();
    if (fd_.valid() && output_bytes() > 0 && !wait_for(fd_.get(), POLLOUT, limit)) break;
  }
  if (fd_.valid()) say_goodbye(limit);
  close();
}

// A close with bytes still unread makes the kernel send a reset, and a reset makes the manager's kernel forget what it
// has not read yet: our last words. So: half close, read to the end, then close.
void SecureTcp::say_goodbye(const WaitLimit& limit) {
  ::shutdown(fd_.get(), SHUT_WR);
  std::array<char, 4096> chunk;
  while (wait_for(fd_.get(), POLLIN, limit)) {
    const ssize_t got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) break;
  }
}

}  // namespace tiercel::wazuh
