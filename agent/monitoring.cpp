#include "agent/monitoring.h"

#include <fmt/core.h>

#include <utility>

#include "agent/base/log.h"

namespace tiercel {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kSnapshotNs = 250'000'000;

}  // namespace

Monitoring::Monitoring(const config::Metrics& config, Metrics& metrics, const Clock& clock)
    : config_(config), metrics_(metrics), clock_(clock) {}

Monitoring::~Monitoring() {
  stop();
}

void Monitoring::start(Look look) {
  if (!config_.enabled) return;
  auto address = ListenAddress::parse(config_.listen);
  if (!address) return log::error("metrics.listen {}", address.error().message);
  look_ = std::move(look);
  server_ = std::make_unique<health::PageServer>(health::PageServer::Options{.listen = *address}, metrics_);
  server_->on("/metrics", [this](const std::string&) { return metrics_page(); });
  server_->on("/healthz", [this](const std::string& query) { return health_page(query); });
  if (auto started = server_->start(); !started) {
    log::warning("no /metrics and no /healthz: {}; set metrics.listen, or metrics.enabled: false",
                 started.error().message);
    server_.reset();
  } else if (!address->loopback) {
    log::info("/metrics and /healthz can be read by whoever reaches {}: there is no password", config_.listen);
  }
}

void Monitoring::stop() {
  if (server_) server_->stop();
}

void Monitoring::tick(uint64_t kernel_lost) {
  const uint64_t now_ns = clock_.monotonic_ns();
  in_kernel_.note(now_ns, kernel_lost);
  behind_.note(now_ns, metrics_.sum("tiercel_records_lost_total") + metrics_.sum("tiercel_spool_lost_total") +
                           metrics_.sum("tiercel_output_lost_total"));
  ticked_ns_ = now_ns;
}

const Monitoring::Snapshot& Monitoring::snapshot() {
  const uint64_t now_ns = clock_.monotonic_ns();
  if (snapshot_.taken_ns != 0 && now_ns - snapshot_.taken_ns < kSnapshotNs) return snapshot_;
  snapshot_.status = look_();
  snapshot_.verdict = health::judge(signs(snapshot_.status));
  snapshot_.taken_ns = now_ns;
  return snapshot_;
}

health::Signs Monitoring::signs(const Status& status) const {
  const uint64_t now_ns = clock_.monotonic_ns(), ticked_ns = ticked_ns_;
  const uint64_t now_s = clock_.realtime_ns() / kSecondNs, acked_s = status.manager_last_ack_ns / kSecondNs;
  health::Signs s;
  s.uptime_s = status.uptime_s;
  s.watching = ticked_ns != 0;
  s.since_tick_s = now_ns > ticked_ns ? (now_ns - ticked_ns) / kSecondNs : 0;
  s.self_test = status.self_test;
  s.lost_in_kernel = in_kernel_.within(now_ns);
  s.lost_behind = behind_.within(now_ns);
  s.spool_on_disk = status.spool_on_disk;
  s.spool_waiting = status.spool_waiting;
  s.manager_configured = status.manager_configured;
  s.manager_connected = status.manager_connected;
  s.manager_answered = status.manager_last_ack_ns != 0;
  s.manager_silent_s = now_s > acked_s ? now_s - acked_s : 0;
  s.rules_active = status.rules.rules.active;
  if (status.rules.refusal_stands) s.rules_refused = status.rules.refusal;
  return s;
}

health::Page Monitoring::metrics_page() {
  const Snapshot& now = snapshot();
  std::vector<health::Family> families = families_of_status(now.status, now.verdict);
  std::vector<health::Family> counted = health::families_of(metrics_);
  // Losses first, of all.
  auto at = families.begin();
  while (at != families.end() && health::names_a_loss(at->name)) ++at;
  families.insert(at, std::make_move_iterator(counted.begin()), std::make_move_iterator(counted.end()));
  return {200, health::kExpositionType, health::write_exposition(families)};
}

health::Page Monitoring::health_page(const std::string& query) {
  const health::Verdict& verdict = snapshot().verdict;
  const bool asks_ready = query == "ready" || query.starts_with("ready=") || query.starts_with("ready&");
  const bool good = asks_ready ? verdict.ready() : verdict.live();
  return {good ? 200 : 503, "application/json", verdict.json() + "\n"};
}

}  // namespace tiercel
