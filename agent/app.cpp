#include "agent/app.h"

#include <fmt/core.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>

#include "agent/alert/report.h"
#include "agent/app_options.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/canary.h"
#include "agent/canary_road.h"
#include "agent/cli/commands.h"
#include "agent/context/cpu_usage.h"
#include "agent/context/known.h"
#include "agent/context/procfs.h"
#include "agent/control/control_server.h"
#include "agent/flood_watch.h"
#include "agent/group/group_config.h"
#include "agent/harden.h"
#include "agent/hardening/supervisor.h"
#include "agent/heartbeat.h"
#include "agent/look_service.h"
#include "agent/loop.h"
#include "agent/losses.h"
#include "agent/monitoring.h"
#include "agent/pipeline.h"
#include "agent/reload/rules.h"
#include "agent/response_options.h"
#include "agent/response_orders.h"
#include "agent/rule/static_fields.h"
#include "agent/rule_options.h"
#include "agent/running_programs.h"
#include "agent/self_test.h"
#include "agent/self_watch.h"
#include "agent/sensor/bpf_source.h"
#include "agent/sensor/kernel_types.h"
#include "agent/sensor/recording.h"
#include "agent/session_report.h"
#include "agent/status.h"
#include "agent/troubles.h"
#include "agent/witness.h"
#include "decoders/record.h"
#include "siem/wazuh/sink.h"

namespace tiercel {
namespace {

// A stop must not take longer than 2 s; sinks get most of it.
constexpr int kStopTimeoutMs = 1'500;
// Of that, for responses that are to be undone; what is left is undone at the next start.
constexpr int kUndoTimeoutMs = 600;

class App {
 public:
  explicit App(const RunOptions& options)
      : options_(options),
        config_(options.config),
        maker_(make_options(config_)),
        reports_(metrics_),
        spool_(siem::make_spool(spool_options(options), metrics_, clock_, reports_)),
        responder_(response_options(config_), reports_, metrics_, clock_),
        responses_(config_, reports_, metrics_, clock_),
        outputs_(config_, options.outputs, *spool_, metrics_, clock_, reports_),
        containers_(container_options(options), metrics_),
        users_(config_.host_root),
        table_({}, containers_, metrics_),
        enricher_(clock_, table_, containers_, users_),
        procfs_(config_.host_root + "/proc"),
        cpu_usage_({}, metrics_),
        losses_(metrics_),
        reloader_(reload_options(options, supervisor_), metrics_, clock_),
        monitoring_(config_.metrics, metrics_, clock_) {
    cpu_usage_.set_interval_s(config_.sensor.procinfo_interval_s);
    heartbeat_.set_interval_s(options.replay_from.empty() ? config_.heartbeat_interval_s : 0);
    self_test_.set_interval_s(options.replay_from.empty() ? config_.self_test_interval_s : 0);
    canaries_.on_wanted([this](uint16_t type) { return pipeline_->asks_for(type); });
    canaries_.on_prove([this](std::span<const std::byte> record) { return canary_road_.matches(record); });
    if (options.outputs.group)
      options.outputs.group->connect({.report = [this](alert::Report report) { reports_.put(std::move(report)); },
                                      .poke = [this] { reloader_.poke(); },
                                      .ask = [this] { reloader_.request(group::kCause); },
                                      .ar_conf = [this](const std::string& text) { responder_.set_ar_conf(text); }});
  }

  ~App() { outputs_.stop(0); }  // what the manager sends goes to parts that end before the outputs do
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  Result<> run();

 private:
  Result<> load_rules();
  Result<> open_source();
  Result<> start_control();
  Result<> start_source();
  Result<> start_responder();
  void handle(std::span<const std::byte> record);
  void tick();
  void read_cgroup_losses();
  void watch_containers();
  void watch_cpus();
  void heal();
  void swap(reload::Offer& offer);
  void follow_directory(std::span<const std::byte> record);
  LoopHandlers handlers();
  void stop();
  void take_reports();
  [[nodiscard]] Status status(std::vector<OutputRow> outputs = {}) const;

  const RunOptions& options_;
  const config::Config& config_;
  const SystemClock clock_;
  const uint64_t started_ns_ = clock_.monotonic_ns();
  Metrics metrics_;
  alert::AlertMaker maker_;
  std::shared_ptr<const rule::RuleSet> rules_;  // of the start, until the pipeline has them
  alert::Reports reports_;
  std::unique_ptr<siem::Spool> spool_;
  response::Responder responder_;  // outlives the outputs, which feed it
  LocalResponses responses_;
  Outputs outputs_;
  context::Containers containers_;
  context::Users users_;
  context::ProcessTable table_;
  context::Enricher enricher_;
  context::Procfs procfs_;
  context::CpuUsage cpu_usage_;
  LossWatch losses_;
  FloodWatch flood_watch_;
  RecentLosses recent_losses_;
  mutable std::mutex cgroup_losses_mutex_;  // status() is asked from other threads
  std::vector<CgroupLossRow> cgroup_losses_;
  context::Containers::Counts container_counts_;
  uint64_t cgroups_cleaned_ns_ = started_ns_;
  std::unique_ptr<sensor::Source> source_;
  std::unique_ptr<sensor::Recorder> recorder_;
  context::Knowledge knowledge_{table_, containers_, users_};  // what the recording was told
  std::optional<Pipeline> pipeline_;
  Heartbeat heartbeat_;
  SessionReport session_{options_, *spool_, clock_};
  CanaryRoad canary_road_{enricher_};
  Canaries canaries_{start_canary_child, metrics_};
  SelfTest self_test_{[this](const std::string& name) { return canaries_.begin(name); }};
  hardening::Supervisor supervisor_;  // told from the reload thread, too
  SelfWatch self_watch_{{config_, options_.config_file}, reports_, metrics_, clock_};
  LookService looks_{clock_};
  reload::Reloader reloader_;  // uses the source
  Monitoring monitoring_;
  std::optional<control::ControlServer> control_;
  uint64_t undelivered_ = 0;
  std::atomic<uint64_t> processes_{0}, kernel_lost_{0}, kernel_seen_{0}, kernel_filtered_{0};
};

Result<> App::load_rules() {
  Diagnostics diagnostics;
  rule::set_static_fields(static_fields_of(config_));
  auto rules = reloader_.load_first(diagnostics);
  std::fputs(diagnostics.render_all(cli::colour_wanted(STDERR_FILENO)).c_str(), stderr);
  if (!rules) return tl::unexpected(rules.error());
  rules_ = std::move(*rules);
  return {};
}

Result<> App::open_source() {
  if (options_.replay_from.empty()) {
    source_ = sensor::make_bpf_source(sensor_options(config_, rules_));
    containers_.on_settled([this](uint64_t id, bool is_one) { source_->know_container(id, is_one); });
    table_.set_healer([this](context::Process& process) { procfs_.fill(process); });
    return {};
  }
  auto replay = sensor::open_recording(options_.replay_from);
  if (!replay) return tl::unexpected(replay.error());
  source_ = std::move(replay->source);
  enricher_.set_wall_offset_ns(replay->realtime_offset_ns);
  return {};
}

Result<> App::start_control() {
  if (!options_.control_socket) return {};
  control_.emplace(control::ControlServer::Options{.socket_path = config_.socket_path()}, metrics_);
  control_->on("status", [this](const control::Request&) { return status(outputs_.rows()).json(); });
  control_->on("rules_reload", [this](const control::Request&) {
    return fmt::format(R"({{"ticket":{}}})", reloader_.request("command"));
  });
  control_->on("rules_outcome", [this](const control::Request& request) -> std::string {
    const auto outcome = reloader_.outcome(std::strtoull(request.argument("ticket").c_str(), nullptr, 10));
    return outcome ? outcome->json() : R"({"result":"waiting"})";
  });
  responses_.serve(*control_);
  looks_.serve(*control_, [this] { return status(outputs_.rows()).json(); });
  return control_->start();
}

Result<> App::start_responder() {
  if (options_.replay_from.empty())
    if (auto started = responses_.start(*pipeline_, *source_, config_.response.enabled); !started) return started;
  if (!config_.active_response.enabled || !options_.outputs.manager || !options_.replay_from.empty()) return {};
  outputs_.on_active_response([this](const std::string& json) { responder_.offer(json); });
  return responder_.start();
}

Result<> App::start_source() {
  if (!options_.record_to.empty()) {
    auto recorder = sensor::Recorder::create(options_.record_to, clock_.realtime_ns() - clock_.boottime_ns());
    if (!recorder) return tl::unexpected(recorder.error());
    recorder_ = std::move(*recorder);
  }
  return source_->start([this](std::span<const std::byte> record) { handle(record); });
}

void App::handle(std::span<const std::byte> record) {
  self_test_.see(record);
  if (canaries_.see(record, clock_)) return;
  session_.see(record);
  pipeline_->handle(record);
  if (recorder_) {  // behind it, since what it made known has to be read before it
    knowledge_.tell_before(record, [this](std::span<const std::byte> known) { recorder_->write(known); });
    recorder_->write(record);
  }
  // A recording has these already.
  while (options_.replay_from.empty() && containers_.has_started()) {
    const std::vector<std::byte> started = containers_.take_started();
    if (recorder_) recorder_->write(started);
    pipeline_->handle(started);
  }
}

void App::tick() {
  if (options_.replay_from.empty()) enricher_.refresh_clock();
  auto report = losses_.update(source_->counts(), clock_.monotonic_ns(), source_->take_longest_lag_ns());
  if (losses_.lost() != kernel_lost_) read_cgroup_losses();
  if (report) {
    report->by_cgroup = lost_by_container(cgroup_losses_);
    log::warning("the kernel's rings were full: {} events lost ({}); the reader was up to {} ms behind", report->lost,
                 report->by_type, report->reader_lag_ms);
    pipeline_->tell(told(*report, clock_.realtime_ns()));
  }
  for (alert::Report& flood : flood_watch_.update(cgroup_losses_, clock_.monotonic_ns()))
    reports_.put(std::move(flood));
  if (losses_.take_vital_loss()) {
    heal();
    cgroups_cleaned_ns_ = 0;
  }
  kernel_lost_ = losses_.lost();
  kernel_seen_ = losses_.seen();
  kernel_filtered_ = losses_.filtered();
  processes_ = table_.size();
  monitoring_.tick(kernel_lost_);
  watch_containers();
  tell_programs(*source_, table_);
  if (!self_test_.went_blind()) supervisor_.turn(clock_.monotonic_ns());  // else only a new start helps
  looks_.tick(*pipeline_);
  recent_losses_.note(metrics_, kernel_lost_, clock_.monotonic_ns());
  if (options_.replay_from.empty()) self_watch_.tick(kernel_lost_);
  heartbeat_.follow(self_watch_.attached().digest);
  if (auto state = self_test_.look(clock_.monotonic_ns(), losses_.vital_lost())) reports_.put(std::move(*state));
  for (alert::Report& told : canaries_.look(losses_.lost())) reports_.put(std::move(told));
  if (canaries_.take_doubt()) self_test_.soon();
  if (!heartbeat_.due(clock_.monotonic_ns())) return;
  pipeline_->tell(heartbeat_report(clock_.realtime_ns(), status()));
  if (auto proof = canaries_.proof()) reports_.put(std::move(*proof));
}

void App::take_reports() {
  for (alert::Report& report : reports_.take()) {
    if (report.time_ns == 0) report.time_ns = clock_.realtime_ns();
    pipeline_->tell(report);
  }
}

// Removals that were lost on their way would keep their cgroups for good.
void App::watch_containers() {
  constexpr uint64_t kCleanEveryNs = 60'000'000'000;
  const uint64_t now_ns = clock_.monotonic_ns();
  if (now_ns > cgroups_cleaned_ns_ + kCleanEveryNs) {
    cgroups_cleaned_ns_ = now_ns;
    containers_.forget_unless([this](uint64_t cgroup_id) { return source_->knows_cgroup(cgroup_id); });
  }
  containers_.poll(clock_.boottime_ns());
  containers_.tick();
  const std::lock_guard lock(cgroup_losses_mutex_);
  container_counts_ = containers_.counts();
}

// Only for rules that ask; a recording has what they were told.
void App::watch_cpus() {
  if (!options_.replay_from.empty()) return;
  if (!pipeline_->asks_for(EVT_procinfo)) return cpu_usage_.forget();
  const uint64_t now_ns = clock_.monotonic_ns();
  if (!cpu_usage_.due(now_ns)) return;
  size_t threads = 0;
  cpu_usage_.begin();
  auto looked = source_->look_at_cpus(
      [&](std::span<const std::byte> record) {
        cpu_usage_.take(record);
        ++threads;
      },
      [this](std::span<const std::byte> record) { handle(record); });
  if (!looked) log::warning("what processes use of CPUs could not be read: {}", looked.error().message);
  const auto told = cpu_usage_.end(now_ns, looked.has_value());
  log::debug("{} threads looked at for their use of CPUs in {} us", threads, (clock_.monotonic_ns() - now_ns) / 1'000);
  for (const std::vector<std::byte>& record : told) handle(record);
}

void App::read_cgroup_losses() {
  std::vector<CgroupLossRow> rows = cgroup_loss_rows(*source_, containers_);
  const std::lock_guard lock(cgroup_losses_mutex_);
  cgroup_losses_ = std::move(rows);
}

// A creation, a program or an end was missed: the task iterator tells what there is.
void App::heal() {
  if (!options_.replay_from.empty()) return;
  table_.heal_begin(clock_.boottime_ns());
  auto looked = source_->look_again([this](std::span<const std::byte> record) { handle(record); });
  table_.heal_end(clock_.boottime_ns(), looked.has_value());
  if (!looked) log::warning("processes could not be put right after a loss: {}", looked.error().message);
}

// Between two events. Nothing here takes long: the old set is freed by the reload thread.
void App::swap(reload::Offer& offer) {
  if (!offer.outcome.accepted) {
    // A group's set has a report of its own, with file and line.
    if (offer.outcome.causes != group::kCause) pipeline_->tell(refusal_report(offer.outcome));
    return;
  }
  responses_.apply(offer.config, offer.matcher->rules());
  pipeline_->exchange(offer.matcher);
  cpu_usage_.set_interval_s(offer.config.sensor.procinfo_interval_s);
  heartbeat_.set_interval_s(offer.config.heartbeat_interval_s);
  self_test_.set_interval_s(offer.config.self_test_interval_s);
  heartbeat_.soon();
  if (!offer.look_again) return;
  auto looked = source_->look_again([this](std::span<const std::byte> record) {
    follow_directory(record);
    handle(record);
  });
  if (!looked)
    log::warning("current directories of running processes are as of their last exec: {}", looked.error().message);
}

// Of a process that changed its directory while no rule asked for that.
void App::follow_directory(std::span<const std::byte> bytes) {
  const auto record = decoders::Record::parse(bytes);
  if (!record || !(record->head().flags & EVF_SNAPSHOT)) return;
  const auto* exec = record->as<ev_exec>();
  if (!exec) return;
  if (auto process = table_.find({exec->head.pid, exec->head.start_ns})) process->cwd = record->text(exec->cwd);
}

Status App::status(std::vector<OutputRow> outputs) const {
  Status s;
  s.outputs = std::move(outputs);
  s.version = kVersion;
  s.uptime_s = (clock_.monotonic_ns() - started_ns_) / 1'000'000'000;
  s.events = metrics_.sum("tiercel_events_total");
  s.alerts = metrics_.sum("tiercel_alerts_total");
  s.kernel_lost = kernel_lost_;
  s.kernel_filtered = kernel_filtered_;
  s.floods = flood_watch_.active();
  {
    const std::lock_guard lock(cgroup_losses_mutex_);
    s.cgroup_losses = cgroup_losses_;
    s.containers = container_counts_;
  }
  s.take_losses(metrics_);
  s.lost_recently = recent_losses_.count();
  s.undelivered = undelivered_;
  const siem::Spool::Counts spool = spool_->counts();
  s.spool_waiting = spool.waiting;
  s.spool_on_disk = spool.on_disk;
  s.spool_rescuing = spool.rescuing;
  s.processes = processes_;
  s.hardening = hardening::state();
  s.self_test = self_test_.state_text();
  s.attached = self_watch_.attached();
  s.witness_pid = witness::pid();
  s.canaries = canaries_.counts();
  s.ring_bytes = source_ ? source_->ring_bytes() : 0;
  s.rss_anon_bytes = rss_anon_bytes();
  s.rules = reloader_.state();
  s.groups_evicted = metrics_.sum("tiercel_threshold_groups_evicted_total");
  if (options_.outputs.group) {
    s.group = options_.outputs.group->state();
    // A group's refused set is told as such: the host's own files are those that run.
    if (s.group->refusal && !s.group->waits && s.rules.refusal.starts_with(s.group->refusal->file + ":"))
      s.rules.refusal_stands = false;
  }
  if (const wazuh::WazuhSink* manager = outputs_.manager()) {
    const wazuh::WazuhStatus w = manager->status();
    s.manager_configured = true;
    s.manager_connected = w.connected;
    s.manager_last_ack_ns = w.last_ack_ns;
    s.manager_address = w.manager;
    s.agent_id = w.agent_id;
    s.manager_sent = w.sent;
    s.manager_confirmed = w.confirmed;
    s.manager_unconfirmed = w.unconfirmed;
    s.manager_canary_ns = w.canary_ns;
  }
  return s;
}

void App::stop() {
  supervisor_.stop();
  const uint64_t begun_ns = clock_.monotonic_ns();
  reloader_.stop();
  responder_.stop(kUndoTimeoutMs);
  responses_.stop(kUndoTimeoutMs / 2);
  const int took_ms = static_cast<int>((clock_.monotonic_ns() - begun_ns) / 1'000'000);
  tick();
  take_reports();
  looks_.close();
  if (control_) control_->stop();
  monitoring_.stop();
  outputs_.stop(std::max(0, kStopTimeoutMs - took_ms));
  take_reports();  // the last ones: the spool has them for the next agent
  session_.stop(*source_, recorder_.get());
  spool_->close();
  undelivered_ = outputs_.undelivered();
  self_watch_.end();
}

LoopHandlers App::handlers() {
  const bool live = options_.replay_from.empty();
  LoopHandlers handlers;
  handlers.record = [this](std::span<const std::byte> record) { handle(record); };
  handlers.tick = [this] {
    tick();
    watch_cpus();
    return session_.tick(*source_, recorder_.get(), metrics_);
  };
  handlers.on_signal = [this, live](int signal) {
    if (signal == SIGUSR1)
      outputs_.reopen();
    else if (live)
      reloader_.request("SIGHUP");
  };
  if (live)
    handlers.also.push_back(
        {reloader_.offer_fd(), [this] { reloader_.take([this](reload::Offer& offer) { swap(offer); }); }});
  handlers.also.push_back({looks_.fd(), [this] { looks_.attend(*pipeline_, *source_); }});
  handlers.also.push_back({reports_.fd(), [this] { take_reports(); }});
  handlers.alerts = [this] { return pipeline_->alerts(); };
  handlers.stop_when_finished = !live;
  return handlers;
}

Result<> App::run() {
  const bool live = options_.replay_from.empty();
  if (live) make_state_dir(config_.state_dir);
  block_reload_signals();
  std::optional<sensor::TypesAhead> types;
  if (live) types.emplace();
  if (auto loaded = load_rules(); !loaded) return loaded;
  block_loop_signals();
  if (live) supervisor_.start();
  if (auto opened = open_source(); !opened) return opened;
  pipeline_.emplace(enricher_, std::exchange(rules_, nullptr), maker_, *spool_, metrics_);
  if (auto started = start_control(); !started) return started;
  if (auto started = start_responder(); !started) return started;
  if (auto started = outputs_.start(); !started) return started;
  if (live) monitoring_.start([this] { return status(outputs_.rows()); });
  if (live) go_first();
  if (auto started = start_source(); !started) return started;
  types.reset();
  if (live)
    if (auto started = reloader_.start(*source_); !started) return started;
  if (live) self_watch_.begin(*source_);
  tick();
  session_.start(enricher_.wall_ns(0));
  log::info("tiercel {} is watching: {} rules active, {} ms after the start", kVersion, reloader_.state().rules.active,
            (clock_.monotonic_ns() - started_ns_) / 1'000'000);
  supervisor_.ready(watching_text(reloader_.state().rules.active));
  ::malloc_trim(0);  // what the start alone needed
  auto ran = run_loop(*source_, handlers());
  stop();
  if (recorder_ && ran) ran = recorder_->finish();
  auto told = session_.end(status());
  return ran ? told : ran;
}

}  // namespace

Result<> run_agent(const RunOptions& options) {
  return hardened(options, [&] { return App(options).run(); });
}

}  // namespace tiercel
