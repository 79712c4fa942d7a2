#include "siem/local/syslog_forwarder.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <utility>

#include "siem/local/syslog_text.h"

namespace tiercel::siem {
namespace {

using Way = SyslogAddress::Way;
using Outcome = SyslogLink::Written::Result;
using Peer = SyslogLink::Peer;
using Framing = SyslogLink::Framing;

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr size_t kSentRowsMax = 2'000;  // written and not settled
constexpr uint64_t kSendNsMax = 500 * kNsPerMs;
constexpr uint64_t kLookNs = 20 * kNsPerMs;
constexpr uint64_t kResetLookNs = 100 * kNsPerMs;      // for a reset, while what arrived is not settled
constexpr uint64_t kLastLookNsMax = 2'000 * kNsPerMs;  // in a hurry: for what was sent to arrive
constexpr int kLastLookMs = 5;
constexpr size_t kDatagramBytesLeast = 480;

struct Waiting {
  RowId id;
  alert::AlertPtr alert;
};
struct Sent {
  Waiting row;
  uint64_t place = 0;
  uint64_t arrived_ns = 0;  // 0: not yet
};

class SyslogService final : public Service {
 public:
  SyslogService(SyslogForwarderOptions options, Metrics& metrics, const Clock& clock)
      : options_(std::move(options)),
        clock_(clock),
        where_(to_text(options_.link.address)),
        link_(make_syslog_link(options_.link)),
        cut_(metrics.counter("tiercel_output_cut_total", "Alerts cut to what a reader of the output takes",
                             options_.forwarder.name)) {
    facts_.facility = options_.facility;
    facts_.hostname = options_.hostname.empty() ? this_hostname() : options_.hostname;
    facts_.version = options_.version;
    facts_.pid = ::getpid();
    if (options_.link.address.way == Way::kUdp) bytes_max_ = options_.udp_bytes_max;
  }

  void take(RowId id, const alert::AlertPtr& alert, uint64_t) override { queue_of(id.lane).push_back({id, alert}); }
  [[nodiscard]] uint64_t due_ns() const override;
  Attempt send(uint64_t now_ns) override;
  void hurry() override { hurried_ = true; }
  void stop() override {
    stopped_ = true;
    link_->stop();
  }

 private:
  std::deque<Waiting>& queue_of(alert::Lane lane) { return queues_[static_cast<size_t>(lane)]; }
  [[nodiscard]] bool nothing_waits() const { return queues_[0].empty() && queues_[1].empty(); }
  [[nodiscard]] uint64_t settle_ns() const;
  bool look(uint64_t now_ns, Attempt& attempt);
  void settle_arrived(uint64_t now_ns, uint64_t age_ns, Attempt& attempt);
  void give_back();
  bool write_some(uint64_t now_ns, Attempt& attempt);
  bool write_message(Attempt& attempt);
  void begin_message();
  void look_once_more(Attempt& attempt);
  Attempt outcome_of(Attempt attempt);

  const SyslogForwarderOptions options_;
  const Clock& clock_;
  const std::string where_;
  const std::unique_ptr<SyslogLink> link_;
  Counter& cut_;
  SyslogFacts facts_;
  std::array<std::deque<Waiting>, 2> queues_;  // by lane: criticals go first
  std::deque<Sent> sent_;                      // in the order of the stream
  std::string message_;                        // the one that is being written: of the first of message_lane_
  size_t written_ = 0;                         // bytes of it
  alert::Lane message_lane_ = alert::Lane::kRest;
  bool message_cut_ = false;
  size_t bytes_max_ = 0;  // 0: no limit
  uint64_t reached_ = 0;
  uint64_t heard_ns_ = 0;  // something arrived, or began to be outstanding
  uint64_t look_ns_ = 0;
  bool hurried_ = false;
  std::atomic<bool> stopped_{false};
  std::string trouble_;  // why the connection is none
};

uint64_t SyslogService::due_ns() const {
  if (!nothing_waits() && sent_.size() < kSentRowsMax) return 0;
  return sent_.empty() ? kNever : look_ns_;
}

uint64_t SyslogService::settle_ns() const {
  const bool tcp = link_->framing() == Framing::kOctetCount;
  return tcp && !hurried_ ? static_cast<uint64_t>(options_.settle_ms) * kNsPerMs : 0;
}

void SyslogService::settle_arrived(uint64_t now_ns, uint64_t age_ns, Attempt& attempt) {
  const uint64_t reached = link_->reached();
  if (reached != reached_ || (sent_.empty() && message_.empty())) heard_ns_ = now_ns;
  reached_ = reached;
  for (Sent& sent : sent_)
    if (sent.arrived_ns == 0 && sent.place <= reached) sent.arrived_ns = now_ns;
  while (!sent_.empty() && sent_.front().arrived_ns != 0 && sent_.front().arrived_ns + age_ns <= now_ns) {
    attempt.settled.push_back(sent_.front().row.id);
    sent_.pop_front();
  }
}

// What was written and had not arrived, before what was not written: in the order in which it came.
void SyslogService::give_back() {
  link_->close();
  message_.clear();
  for (; !sent_.empty(); sent_.pop_back()) queue_of(sent_.back().row.id.lane).push_front(std::move(sent_.back().row));
}

// False: there is no connection (any more).
bool SyslogService::look(uint64_t now_ns, Attempt& attempt) {
  if (!link_->connected()) return false;
  const Peer peer = link_->peer();
  if (peer == Peer::kOpen) {
    settle_arrived(now_ns, settle_ns(), attempt);
    const auto silence_ns = static_cast<uint64_t>(options_.silence_ms_max) * kNsPerMs;
    if ((sent_.empty() || sent_.back().arrived_ns != 0) && message_.empty()) heard_ns_ = now_ns;
    if (now_ns - heard_ns_ < silence_ns) return true;
    trouble_ = "nothing arrives there any more";
  } else if (peer == Peer::kClosed) {
    settle_arrived(now_ns, 0, attempt);  // it ended in order: it had read what arrived
    trouble_ = sent_.empty() && message_.empty() ? "" : "the other side ended the connection";
  } else {
    trouble_ = "the connection was reset";
  }
  give_back();
  return false;
}

void SyslogService::begin_message() {
  message_lane_ = queue_of(alert::Lane::kCritical).empty() ? alert::Lane::kRest : alert::Lane::kCritical;
  const alert::Alert& alert = *queue_of(message_lane_).front().alert;
  const bool json = options_.format == SyslogForwarderOptions::Format::kJson;
  message_ = syslog5424_message(facts_, alert, json ? alert.falco_json : alert.text_line, bytes_max_, message_cut_);
  written_ = 0;
  if (link_->framing() == Framing::kOctetCount) message_ = std::to_string(message_.size()) + ' ' + message_;
  if (link_->framing() == Framing::kLineFeed) message_ += '\n';
}

// Writes on at the message that is begun. False: no more for now.
bool SyslogService::write_message(Attempt& attempt) {
  std::deque<Waiting>& queue = queue_of(message_lane_);
  const SyslogLink::Written written = link_->write(std::string_view(message_).substr(written_));
  switch (written.result) {
    case Outcome::kSome:
      written_ += written.bytes;
      if (written_ < message_.size()) return true;
      if (message_cut_) cut_.add();
      sent_.push_back({std::move(queue.front()), link_->place(), 0});
      queue.pop_front();
      message_.clear();
      return true;
    case Outcome::kNotNow:
      return link_->wait_writable(static_cast<int>(kSendNsMax / kNsPerMs));
    case Outcome::kTooLong:
      if (message_.size() > kDatagramBytesLeast) {  // this socket takes less: from now on as well
        bytes_max_ = std::max(kDatagramBytesLeast, message_.size() / 2);
      } else {
        attempt.refused.push_back(queue.front().id);
        queue.pop_front();
      }
      message_.clear();
      return true;
    case Outcome::kBroken:
      trouble_ = written.why;
      give_back();
      return false;
  }
  return false;
}

// False: the connection broke.
bool SyslogService::write_some(uint64_t now_ns, Attempt& attempt) {
  if (sent_.empty() && message_.empty()) heard_ns_ = now_ns;
  while (!stopped_ && (!message_.empty() || (!nothing_waits() && sent_.size() < kSentRowsMax))) {
    if (message_.empty()) begin_message();
    if (!write_message(attempt) || clock_.monotonic_ns() - now_ns > kSendNsMax) break;
  }
  return link_->connected();
}

void SyslogService::look_once_more(Attempt& attempt) {
  const uint64_t begun_ns = clock_.monotonic_ns();
  for (uint64_t now_ns = begun_ns; now_ns - begun_ns < kLastLookNsMax; now_ns = clock_.monotonic_ns()) {
    if (!look(now_ns, attempt) || sent_.empty() || stopped_) return;
    ::usleep(kLastLookMs * 1'000);
  }
}

Attempt SyslogService::outcome_of(Attempt attempt) {
  const bool nothing = attempt.settled.empty() && attempt.refused.empty();
  if (!link_->connected() && nothing && !trouble_.empty()) {
    attempt.result = Attempt::Result::kRetry;
    attempt.answer = where_ + ": " + trouble_;
    return attempt;
  }
  attempt.result = Attempt::Result::kTaken;
  if (!attempt.refused.empty())
    attempt.answer = where_ + ": a message is longer than the socket takes";
  else if (options_.link.address.way == Way::kUdp)
    attempt.answer = where_ + ": sent (over UDP nobody says whether it arrived)";
  else
    attempt.answer = where_ + (sent_.empty() ? ": arrived" : ": sent; not all of it was acknowledged yet");
  return attempt;
}

Attempt SyslogService::send(uint64_t now_ns) {
  Attempt attempt;
  trouble_.clear();
  facts_.clock_synced = clock_is_synced();
  if (!look(now_ns, attempt)) {
    if (!trouble_.empty() || nothing_waits()) return outcome_of(std::move(attempt));
    if (stopped_) {
      trouble_ = "it was stopped";
      return outcome_of(std::move(attempt));
    }
    if (auto connected = link_->connect(); !connected) {
      trouble_ = connected.error().message;
      return outcome_of(std::move(attempt));
    }
    reached_ = 0;
    now_ns = clock_.monotonic_ns();
  }
  if (write_some(now_ns, attempt)) {
    now_ns = clock_.monotonic_ns();
    if (hurried_)
      look_once_more(attempt);
    else
      look(now_ns, attempt);
  }
  look_ns_ = now_ns + kLookNs;
  if (!sent_.empty() && sent_.front().arrived_ns != 0)
    look_ns_ = std::clamp(sent_.front().arrived_ns + settle_ns(), look_ns_, now_ns + kResetLookNs);
  return outcome_of(std::move(attempt));
}

}  // namespace

std::unique_ptr<Service> make_syslog_service(SyslogForwarderOptions options, Metrics& metrics, const Clock& clock) {
  return std::make_unique<SyslogService>(std::move(options), metrics, clock);
}

std::unique_ptr<Forwarder> make_syslog_forwarder(Spool& spool, SyslogForwarderOptions options, Metrics& metrics,
                                                 const Clock& clock, alert::Reports& reports) {
  options.forwarder.parts = options.format == SyslogForwarderOptions::Format::kJson ? kFalcoJson : kTextLine;
  options.forwarder.takes_routine = true;
  ForwarderOptions forwarder = options.forwarder;
  auto service = make_syslog_service(std::move(options), metrics, clock);
  return make_forwarder(spool, std::move(forwarder), std::move(service), metrics, clock, reports);
}

}  // namespace tiercel::siem
