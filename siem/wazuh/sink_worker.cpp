#include "siem/wazuh/sink_worker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>
#include <vector>

#include "agent/alert/json.h"
#include "agent/base/log.h"
#include "agent/base/thread.h"
#include "siem/wazuh/enroll.h"
#include "siem/wazuh/event_text.h"
#include "siem/wazuh/secure_tcp.h"
#include "siem/wazuh/secure_udp.h"

namespace tiercel::wazuh {
namespace {

using alert::Lane;

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr size_t kBatchRows = 64;
constexpr int kFarewellMs = 500;

}  // namespace

SinkWorker::SinkWorker(siem::Spool& spool, WazuhOptions options, WazuhCallbacks callbacks, Metrics& metrics,
                       const Clock& clock)
    : spool_(spool),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      metrics_(metrics),
      clock_(clock),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      bucket_(options_.rate_max_per_s),
      sent_(metrics.counter("tiercel_wazuh_sent_total", "Alerts sent to the Wazuh manager, repeats included")),
      resent_(metrics.counter("tiercel_wazuh_resent_total",
                              "Alerts sent to the Wazuh manager again after a lost connection")),
      confirmed_(metrics.counter("tiercel_wazuh_confirmed_total", "Alerts that the manager's receiver has taken")),
      reconnects_(metrics.counter("tiercel_wazuh_reconnects_total", "Sessions with the manager after the first")),
      cut_(metrics.counter("tiercel_wazuh_cut_total", "Alerts cut to the size of a message")),
      enrolments_(metrics.counter("tiercel_wazuh_enrolments_total", "Keys got from the manager")),
      failures_(metrics.counter("tiercel_wazuh_failures_total", "Connections and enrolments that failed")),
      unconfirmed_(metrics.counter("tiercel_wazuh_unconfirmed", "Alerts sent and not confirmed, now")) {
  reader_ = spool_.add_reader({.name = "wazuh", .wake = [this] { wake(); }, .keeps_place = true});
}

SinkWorker::~SinkWorker() {
  stop(0);
}

Result<> SinkWorker::start() {
  if (thread_.joinable()) return {};
  if (!wake_fd_.valid()) return fail("cannot make an eventfd for the output wazuh: raise the limit of open files");
  if (options_.managers.empty()) return fail("the output wazuh has no manager", Fault::kUser);
  if (auto checked = check_crypto(); !checked) return checked;
  auto key = options_.key ? Result<std::optional<AgentKey>>(options_.key) : read_agent_key(options_.keys_file);
  if (!key) return tl::unexpected(key.error());
  key_ = std::move(*key);
  if (!key_ && !options_.enrol_if_needed)
    return fail("there is no agent key in " + options_.keys_file + " and enrolment is off: put a key there or allow it",
                Fault::kUser);
  agent_name_ = options_.agent_name.empty() ? agent_name_of_host(alert::falco_hostname()) : options_.agent_name;
  if (!key_ && !valid_agent_name(agent_name_)) {
    EnrolRequest request;
    request.agent_name = agent_name_;
    return tl::unexpected(enrol_line(request).error());
  }
  const std::string counter_file =
      options_.counter_file.empty() ? options_.keys_file + ".counter" : options_.counter_file;
  counter_ = std::make_unique<SenderCounter>(counter_file, clock_.realtime_ns() / 1'000'000'000);
  if (!counter_->trouble().empty()) log::warning("wazuh: {}", counter_->trouble());

  started_realtime_ns_ = clock_.realtime_ns();
  managers_ = std::make_unique<Managers>(options_, clock_);
  make_transport();
  update_status();

  thread_ = start_thread("wazuh", [this] { run(); });
  return {};
}

// For the protocol of the current manager.
void SinkWorker::make_transport() {
  SecureTcpOptions transport;
  transport.session.host = host_text();
  transport.session.labels = options_.labels;
  transport.session.answer = [this](const Request& request, const RequestFacts& facts) {
    return answer(request, facts);
  };
  transport.session.shared_md5 = options_.shared_md5;
  transport.session.keepalive_ms = options_.keepalive_ms;
  transport.session.answer_timeout_ms = options_.answer_timeout_ms;
  transport.session.silence_max_ms = options_.silence_max_ms;
  transport.session.shared_file_bytes_max = options_.shared_file_bytes_max;
  transport.delivery = options_.delivery;
  transport.delivery.answer_timeout_ms = options_.answer_timeout_ms;
  transport_protocol_ = manager().protocol;
  if (transport_protocol_ == Protocol::kUdp)
    transport_ = std::make_unique<SecureUdp>(std::move(transport), *counter_, metrics_, clock_);
  else
    transport_ = std::make_unique<SecureTcp>(std::move(transport), *counter_, metrics_, clock_);
}

std::string SinkWorker::where() const {
  return host_and_port(manager().host, manager().port);
}

Answer SinkWorker::answer(const Request& request, RequestFacts facts) const {
  facts.started_ns = started_realtime_ns_;
  facts.alerts = spool_.counts().appended;
  for (const siem::Spool::Waiting& waiting : spool_.waiting())
    if (waiting.reader == "wazuh") facts.waiting = waiting.rows;
  facts.takes_responses = static_cast<bool>(callbacks_.active_response);
  facts.can_restart = static_cast<bool>(callbacks_.restart);
  facts.can_reload = static_cast<bool>(callbacks_.reload);
  return answer_request(request, options_, facts);
}

void SinkWorker::stop(int timeout_ms) {
  if (!thread_.joinable()) return;
  stop_deadline_ns_.store(deadline_in_ms(timeout_ms), std::memory_order_release);
  stopping_.store(true, std::memory_order_release);
  wake();
  thread_.join();  // every wait of the thread ends at the deadline
}

WazuhStatus SinkWorker::status() const {
  std::lock_guard lock(status_mutex_);
  return status_;
}

void SinkWorker::wake() {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  const uint64_t one = 1;
  while (::write(wake_fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

// The descriptor first, then the flag, then (the caller) the spool: so no row is overlooked.
void SinkWorker::take_wake() {
  uint64_t count = 0;
  while (::read(wake_fd_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  woken_.store(false, std::memory_order_release);
}

bool SinkWorker::nothing_waits() {
  for (const Lane lane : {Lane::kCritical, Lane::kRest})
    if (!spool_.read(reader_, lane, transport_->last_sent(lane), 1).empty()) return false;
  return transport_->unconfirmed() == 0;
}

bool SinkWorker::go_on() {
  take_wake();
  if (!stopping()) return true;
  return monotonic_now_ns() < stop_deadline_ns_.load(std::memory_order_acquire) && !nothing_waits();
}

WaitLimit SinkWorker::limit(int timeout_ms) {
  return {deadline_in_ms(timeout_ms), wake_fd_.get(), [this] { return go_on(); }, &stop_deadline_ns_};
}

void SinkWorker::run() {
  while (go_on()) {
    if (!key_ && !(managers_->may_enrol() && enrol_with({}))) managers_->next();
    if (key_) connect_and_serve();
    // A wake-up may have told of the end while all of that was waiting.
    if (!go_on()) break;
    if (const int pause_ms = managers_->pause_ms(random_u32()); pause_ms > 0) sleep_ms(pause_ms);
  }
  update_status();
  if (const size_t left = lost_unconfirmed_; left > 0)
    log::warning("wazuh: the agent ends with {} alerts sent that the manager has not confirmed", left);
}

// The manager does not know us: it may have removed the agent, or lost its keys. With the hash of our key it keeps us
// if the key is good after all, or the manager waits before it gives another.
void SinkWorker::enrol_again() {
  log::warning("wazuh: {} seems not to know the agent {}; enrolling again",
               host_and_port(manager().host, manager().enrol_port), key_->id);
  enrol_with(key_hash(*key_));
}

bool SinkWorker::enrol_with(const std::string& old_key_hash) {
  const EnrolServer server{manager().host, manager().enrol_port, options_.ca_file, options_.client_certificate,
                           options_.client_key};
  const std::string at = host_and_port(server.host, server.port);
  if (server.ca_file.empty() && !unchecked_told_) {
    unchecked_told_ = true;
    log::warning("wazuh: the certificate of {} is not checked (no ca_file)", at);
  }
  Result<EnrolAnswer> answer;
  do {
    const EnrolRequest request{agent_name_,       managers_->version(), options_.groups,
                               options_.agent_ip, options_.password,    old_key_hash};
    answer = enrol(server, request, limit(options_.connect_timeout_ms));
  } while (answer && says_version_too_high(answer->refusal) && managers_->lower_version());
  if (!answer) {
    failures_.add();
    note_trouble("enrolment: " + answer.error().message);
    return false;
  }
  if (answer->key.id.empty()) {
    managers_->enrolment_refused();
    if (answer->may_be_good) {
      log::info("wazuh: {} gives agent {} no other key: ours is the manager's, or {}", at, key_->id, kReplacedLater);
      return false;
    }
    failures_.add();
    const std::string advice = advice_for(answer->refusal);
    note_trouble("the manager " + at + " refused the enrolment: " + answer->refusal +
                 (advice.empty() ? "" : "; " + advice));
    return false;
  }
  enrolments_.add();
  key_ = answer->key;
  managers_->enrolled();
  log::info("wazuh: enrolled with {} as agent {} ({})", at, key_->id, key_->name);
  if (auto written = write_key_file(options_.keys_file, {*key_}); !written)
    log::error("wazuh: the agent's key is not kept, the next start will enrol again: {}", written.error().message);
  update_status();
  return true;
}

void SinkWorker::connect_and_serve() {
  {
    std::lock_guard lock(status_mutex_);
    status_.manager = where();
  }
  if (manager().protocol != transport_protocol_) make_transport();
  counter_->catch_up();
  const Transport::Target target{manager().host, manager().port, managers_->version()};
  if (auto connected = transport_->connect(target, *key_, limit(options_.connect_timeout_ms)); !connected) {
    failures_.add();
    note_trouble(connected.error().message);
    managers_->next();
    return;
  }
  if (callbacks_.contact)
    callbacks_.contact(
        {transport_protocol_ == Protocol::kTcp ? transport_->fd() : -1, *key_, target.version, managers_->index()});
  serve();
  on_end();
  if (transport_->end() != Transport::End::kNone) lost_unconfirmed_ = transport_->unconfirmed();
  transport_->close();
  update_status();
}

void SinkWorker::serve() {
  for (;;) {
    transport_->service();
    confirm();
    hand_over_messages();
    if (transport_->state() == Transport::State::kDown) return;
    if (transport_->state() == Transport::State::kReady) {
      if (!ready_) on_ready();
      pump();
      transport_->service();
      if (transport_->state() == Transport::State::kDown) continue;
    }
    update_status();
    if (stopping() && !go_on()) {
      finish();
      return;
    }
    if (!has_room_again()) wait_for_something();
  }
}

// The socket may take at once all that was before it, and then nothing would tell of the room that this made.
bool SinkWorker::has_room_again() const {
  for (const Lane lane : {Lane::kCritical, Lane::kRest})
    if (held_up_[static_cast<size_t>(lane)] && transport_->room(lane) > 0) return true;
  return false;
}

void SinkWorker::on_ready() {
  ready_ = true;
  managers_->ready();
  if (ever_ready_)
    reconnects_.add();
  else if (options_.announce)
    transport_->send_unconfirmed(started_event(key_->name, key_->ip));
  ever_ready_ = true;
  {
    std::lock_guard lock(status_mutex_);
    status_.last_error.clear();
  }
  log::info("wazuh: connected to {} as agent {} ({}){}", where(), key_->id, key_->name,
            managers_->version_lowered() ? ", telling that older manager our version is " + managers_->version() : "");
  if (callbacks_.connection) callbacks_.connection(true);
}

void SinkWorker::on_end() {
  const bool was_ready = std::exchange(ready_, false);
  if (was_ready && callbacks_.connection) callbacks_.connection(false);
  switch (transport_->end()) {
    case Transport::End::kNone:
      return;  // we ended it
    case Transport::End::kAsked:
      log::info("wazuh: {}", transport_->end_text());
      managers_->asked_to_reconnect();
      return;
    case Transport::End::kVersionTooHigh:
      if (!managers_->lower_version()) break;
      log::debug("wazuh: {} is older than our version; trying {}", where(), managers_->version());
      managers_->again_at_once();
      return;
    case Transport::End::kKeyUnknown:
      if (managers_->key_unknown()) break;
      log::debug("wazuh: the manager does not know the new key yet");
      return;
    default:
      break;
  }
  failures_.add();
  note_trouble(where() + ": " + transport_->end_text());
  if (managers_->refused_often() && managers_->may_enrol()) enrol_again();
  if (!was_ready) managers_->next();
}

void SinkWorker::finish() {
  // A short farewell even when the time is over: without it the manager holds the agent for active.
  lost_unconfirmed_ = transport_->unconfirmed();
  transport_->finish({deadline_in_ms(kFarewellMs), -1, {}, nullptr});
}

void SinkWorker::wait_for_something() {
  const uint64_t now_ns = clock_.monotonic_ns();
  uint64_t until_ns = transport_->next_tick_ns();
  if (rate_reached_) until_ns = std::min(until_ns, bucket_.next_ns());
  if (stopping()) until_ns = std::min(until_ns, stop_deadline_ns_.load(std::memory_order_acquire));
  const uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
  const int timeout_ms = static_cast<int>(std::min<uint64_t>(left_ns / kNsPerMs + (left_ns % kNsPerMs != 0), 60'000));
  std::array<pollfd, 2> fds{{{transport_->fd(), transport_->poll_events(), 0}, {wake_fd_.get(), POLLIN, 0}}};
  ::poll(fds.data(), fds.size(), timeout_ms);
  take_wake();
}

void SinkWorker::pump() {
  rate_reached_ = false;
  held_up_ = {};
  // After every batch of the rest the critical lane has its turn again.
  while (pump_lane(Lane::kCritical) || pump_lane(Lane::kRest)) {
  }
}

// One batch. True: there may be more, and room for it.
bool SinkWorker::pump_lane(Lane lane) {
  size_t room = std::min(transport_->room(lane), kBatchRows);
  held_up_[static_cast<size_t>(lane)] = room == 0;
  if (const size_t may = bucket_.available(clock_.monotonic_ns()); may < room) {
    rate_reached_ = true;
    room = may;
  }
  if (room == 0) return false;
  const std::vector<siem::Row> rows = spool_.read(reader_, lane, transport_->last_sent(lane), room);
  for (const siem::Row& row : rows) {
    if (!alert::wanted(*row.alert, options_.least_priority, options_.condition)) {
      transport_->pass_by(lane, row.seq);
      continue;
    }
    bool cut = false;
    const std::string text = event_text(*row.alert, cut);
    if (cut) cut_.add();
    if (transport_->send_row(lane, row.seq, text)) resent_.add();
    sent_.add();
    note_canary(lane, row);
    bucket_.take(clock_.monotonic_ns());
  }
  return !rows.empty();
}

void SinkWorker::confirm() {
  for (const Lane lane : {Lane::kCritical, Lane::kRest}) {
    const auto confirmed = transport_->take_confirmed(lane);
    if (!confirmed) continue;
    spool_.confirm(reader_, lane, confirmed->seq);
    confirmed_.add(confirmed->rows);
    if (!canary_ || canary_->lane != lane || confirmed->seq < canary_->seq) continue;
    const uint64_t now_ns = clock_.realtime_ns();
    canary_ns_ = now_ns > canary_->time_ns ? now_ns - canary_->time_ns : 0;
    canary_.reset();
  }
}

// The first of those on their way: its time is the one that is known last.
void SinkWorker::note_canary(Lane lane, const siem::Row& row) {
  if (!canary_ && row.alert->rule == alert::kCanaryRule) canary_ = {lane, row.seq, row.alert->time_ns};
}

void SinkWorker::hand_over_messages() {
  for (Transport::Message& message : transport_->take_messages()) {
    if (const auto* response = std::get_if<ActiveResponse>(&message)) {
      if (callbacks_.active_response) callbacks_.active_response(*response);
    } else if (const auto* file = std::get_if<SharedFile>(&message)) {
      log::info("wazuh: got the shared file {} ({} bytes)", file->name, file->content.size());
      if (callbacks_.shared_file) callbacks_.shared_file(*file);
    } else if (const auto* action = std::get_if<AgentAction>(&message)) {
      act(*action);
    }
  }
}

// The answer is in the transport; it is on its way before the owner acts.
void SinkWorker::act(AgentAction action) {
  transport_->service();
  const bool restart = action == AgentAction::kRestart;
  log::info("wazuh: the manager asks the agent to {}", restart ? "restart" : "reload");
  const auto& callback = restart ? callbacks_.restart : callbacks_.reload;
  if (callback) callback();
}

void SinkWorker::sleep_ms(int ms) {
  // Nothing comes from a negative descriptor: this ends with the time, or with the agent.
  if (auto slept = wait_for(-1, 0, limit(ms)); !slept) return;
}

void SinkWorker::note_trouble(const std::string& text) {
  bool news = false;
  {
    std::lock_guard lock(status_mutex_);
    news = status_.last_error != text;
    status_.last_error = text;
  }
  if (news)
    log::warning("wazuh: {}", text);
  else
    log::debug("wazuh: {}", text);
}

void SinkWorker::update_status() {
  // Between connections: what was on its way when the last one ended.
  const size_t unconfirmed = ready_ ? transport_->unconfirmed() : lost_unconfirmed_;
  unconfirmed_.set(unconfirmed);
  std::lock_guard lock(status_mutex_);
  status_.connected = ready_;
  status_.agent_id = key_ ? key_->id : std::string();
  status_.agent_name = key_ ? key_->name : agent_name_;
  status_.last_ack_ns = transport_->last_ack_realtime_ns();
  status_.last_keepalive_ns = transport_->last_keepalive_realtime_ns();
  status_.sent = sent_.value();
  status_.resent = resent_.value();
  status_.confirmed = confirmed_.value();
  status_.unconfirmed = unconfirmed;
  status_.canary_ns = canary_ns_;
  status_.reconnects = reconnects_.value();
}

}  // namespace tiercel::wazuh
