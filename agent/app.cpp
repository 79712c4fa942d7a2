#include "agent/app.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/cli/commands.h"
#include "agent/context/procfs.h"
#include "agent/control/control_server.h"
#include "agent/loop.h"
#include "agent/losses.h"
#include "agent/pipeline.h"
#include "agent/rule/load.h"
#include "agent/rule/static_fields.h"
#include "agent/rule_options.h"
#include "agent/sensor/bpf_source.h"
#include "agent/sensor/recording.h"
#include "agent/status.h"
#include "siem/wazuh/sink.h"

namespace tiercel {
namespace {

// A stop must not take longer than 2 s; sinks get most of it.
constexpr int kStopTimeoutMs = 1'500;

Result<std::shared_ptr<const rule::RuleSet>> load_rules(const config::Config& config) {
  rule::LoadOptions options = rule_options(config);
  options.warn_unused = false;  // a library of macros is no mistake; `tiercel rules check` tells of it
  rule::set_static_fields(static_fields_of(config));
  const rule::Loaded loaded = rule::load_paths(config.rules_files, options);
  std::fputs(loaded.diagnostics.render_all(cli::colour_wanted(STDERR_FILENO)).c_str(), stderr);
  if (!loaded.rules || loaded.rules->active_count() == 0) {
    std::string where;
    for (const std::string& path : config.rules_files) where += (where.empty() ? "" : ", ") + path;
    return fail("no rule is active: nothing would ever be detected. Rules were looked for in " + where +
                    "; give some with --rules FILE or rules_files:",
                Fault::kUser);
  }
  return loaded.rules;
}

sensor::BpfOptions sensor_options(const config::Config& config, const rule::RuleSet& rules) {
  sensor::BpfOptions options;
  for (uint16_t type = 1; type < EVT_COUNT; ++type)
    if (rules.event_types_needed().test(type)) options.events.push_back(type);
  for (const char* field : {"proc.env", "proc.aenv", "evt.args", "evt.info"})
    options.want_env |= rules.reads_field(field);
  // proc.cwd between two execs: worth two hooks when a rule reads it, or when hooks on system calls are there anyway
  // (the first one of them is what costs every call something).
  const bool has_hooks = std::any_of(options.events.begin(), options.events.end(), [](uint16_t type) {
    const decoders::EventInfo* info = decoders::event_info(type);
    return info->record->name != "fork" && info->name != "procexit";
  });
  if (has_hooks || rules.reads_field("proc.cwd"))
    for (uint16_t type : {EVT_chdir, EVT_fchdir})
      if (!rules.event_types_needed().test(type)) options.events.push_back(type);
  options.want_threads = rules.event_types_needed().test(EVT_clone) || rules.event_types_needed().test(EVT_clone3);
  options.ring_vital_bytes = size_t{config.sensor.ring_vital_size_kb} << 10;
  options.ring_bulk_bytes = size_t{config.sensor.ring_bulk_size_kb} << 10;
  return options;
}

alert::MakeOptions make_options(const config::Config& config) {
  alert::MakeOptions options;
  options.json_include_output_property = config.json_include_output_property;
  options.json_include_message_property = config.json_include_message_property;
  options.json_include_output_fields_property = config.json_include_output_fields_property;
  options.json_include_tags_property = config.json_include_tags_property;
  options.time_format_iso_8601 = config.time_format_iso_8601;
  return options;
}

// The thread that empties the rings takes little time, but must have it soon: on a host whose every CPU is busy it goes
// before ordinary work. Called when the other threads run already: those stay ordinary.
void go_first() {
  constexpr int kNice = -10;
  if (::setpriority(PRIO_PROCESS, 0, kNice) != 0) log::debug("cannot raise the reader's priority: errno {}", errno);
}

class App {
 public:
  explicit App(const RunOptions& options)
      : options_(options),
        config_(options.config),
        maker_(make_options(config_)),
        spool_(siem::make_memory_spool({}, metrics_)),
        outputs_(config_, options.outputs, *spool_, metrics_),
        containers_({}, metrics_),
        table_({}, containers_, metrics_),
        enricher_(clock_, table_, containers_, users_),
        losses_(metrics_) {}

  Result<> run();

 private:
  Result<> open_source();
  Result<> start_control();
  Result<> start_source();
  void handle(std::span<const std::byte> record);
  void tick();
  void stop();
  void count_undelivered();
  [[nodiscard]] Status status() const;
  void print_summary() const;

  const RunOptions& options_;
  const config::Config& config_;
  const SystemClock clock_;
  const uint64_t started_ns_ = clock_.monotonic_ns();
  Metrics metrics_;
  alert::AlertMaker maker_;
  std::shared_ptr<const rule::RuleSet> rules_;
  std::unique_ptr<siem::Spool> spool_;
  Outputs outputs_;
  context::Containers containers_;
  context::Users users_;
  context::ProcessTable table_;
  context::Enricher enricher_;
  context::Procfs procfs_;
  LossWatch losses_;
  std::unique_ptr<sensor::Source> source_;
  std::unique_ptr<sensor::Recorder> recorder_;
  std::optional<Pipeline> pipeline_;
  std::optional<control::ControlServer> control_;
  uint64_t undelivered_ = 0;
  std::atomic<uint64_t> processes_{0}, kernel_lost_{0}, kernel_seen_{0};
};

Result<> App::open_source() {
  if (options_.replay_from.empty()) {
    source_ = sensor::make_bpf_source(sensor_options(config_, *rules_));
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
  control_->on("status", [this](const control::Request&) { return status().json(); });
  return control_->start();
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
  if (recorder_) recorder_->write(record);
  pipeline_->handle(record);
}

void App::tick() {
  if (options_.replay_from.empty()) enricher_.refresh_clock();
  if (auto report = losses_.update(source_->counts(), clock_.monotonic_ns(), source_->take_longest_lag_ns())) {
    log::warning("the kernel's rings were full: {} events lost ({}); the reader was up to {} ms behind", report->lost,
                 report->by_type, report->reader_lag_ms);
    spool_->append(maker_.make_internal(
        clock_.realtime_ns(), report->priority, "Tiercel internal: events lost",
        fmt::format("{} events were lost in the kernel ({})", report->lost, report->by_type),
        {{"lost", report->lost}, {"by_type", report->by_type}, {"reader_lag_ms", report->reader_lag_ms}}));
  }
  kernel_lost_ = losses_.lost();
  kernel_seen_ = losses_.seen();
  processes_ = table_.size();
}

Status App::status() const {
  Status s;
  s.version = kVersion;
  s.uptime_s = (clock_.monotonic_ns() - started_ns_) / 1'000'000'000;
  s.events = metrics_.sum("tiercel_events_total");
  s.alerts = metrics_.sum("tiercel_alerts_total");
  s.kernel_lost = kernel_lost_;
  s.records_lost = metrics_.sum("tiercel_records_lost_total");
  s.spool_lost = metrics_.sum("tiercel_spool_lost_total");
  s.outputs_lost = metrics_.sum("tiercel_output_lost_total");
  s.undelivered = undelivered_;
  s.spool_waiting = spool_->counts().waiting;
  s.processes = processes_;
  s.ring_bytes = source_ ? source_->ring_bytes() : 0;
  s.rss_anon_bytes = rss_anon_bytes();
  s.rules_active = rules_->active_count();
  s.rules_total = rules_->size();
  s.rules_digest = rules_->digest();
  if (const wazuh::WazuhSink* manager = outputs_.manager()) {
    const wazuh::WazuhStatus w = manager->status();
    s.manager_configured = true;
    s.manager_connected = w.connected;
    s.manager_address = w.manager;
    s.agent_id = w.agent_id;
    s.manager_sent = w.sent;
    s.manager_confirmed = w.confirmed;
    s.manager_unconfirmed = w.unconfirmed;
  }
  return s;
}

void App::print_summary() const {
  const Status s = status();
  fmt::print(stderr, "\nevents seen       {}\nalerts            {}\n", s.events, s.alerts);
  if (s.manager_configured) {
    fmt::print(stderr, "sent to manager   {} (confirmed {}, sent and not confirmed yet {})\n", s.manager_sent,
               s.manager_confirmed, s.manager_unconfirmed);
  }
  fmt::print(stderr, "lost              {} (in the kernel {}, malformed {}, in the spool {}, at outputs {})\n",
             s.lost(), s.kernel_lost, s.records_lost, s.spool_lost, s.outputs_lost);
}

// The spool is in memory: what an output did not take is gone now. What the manager was sent and has not confirmed is
// told apart, since most of it has arrived.
void App::count_undelivered() {
  for (const siem::Spool::Waiting& waiting : spool_->waiting()) {
    uint64_t rows = waiting.rows;
    if (outputs_.manager() && waiting.reader == outputs_.manager()->name())
      rows -= std::min(rows, outputs_.manager()->status().unconfirmed);
    if (rows == 0) continue;
    undelivered_ += rows;
    log::error("{} alerts never left through the output {}", rows, waiting.reader);
  }
}

void App::stop() {
  tick();
  if (control_) control_->stop();
  outputs_.stop(kStopTimeoutMs);
  count_undelivered();
  if (options_.summary) print_summary();
}

Result<> App::run() {
  auto rules = load_rules(config_);
  if (!rules) return tl::unexpected(rules.error());
  rules_ = *rules;
  block_loop_signals();
  if (auto opened = open_source(); !opened) return opened;
  pipeline_.emplace(enricher_, rules_, maker_, *spool_, metrics_);
  if (auto started = start_control(); !started) return started;
  if (auto started = outputs_.start(); !started) return started;
  if (options_.replay_from.empty()) go_first();
  if (auto started = start_source(); !started) return started;
  log::info("tiercel {} is watching: {} rules active, {} ms after the start", kVersion, rules_->active_count(),
            (clock_.monotonic_ns() - started_ns_) / 1'000'000);
  LoopHandlers handlers;
  handlers.record = [this](std::span<const std::byte> record) { handle(record); };
  handlers.tick = [this] {
    tick();
    return options_.stop_after_s == 0 || status().uptime_s < options_.stop_after_s;
  };
  handlers.on_signal = [this](int signal) {
    if (signal == SIGUSR1)
      outputs_.reopen();
    else
      log::warning("reload is not part of this version: restart the agent to read its files again");
  };
  handlers.stop_when_finished = !options_.replay_from.empty();
  auto ran = run_loop(*source_, handlers);
  stop();
  if (!ran || !recorder_) return ran;
  log::info("{} records written to {}", recorder_->records(), options_.record_to);
  return recorder_->finish();
}

}  // namespace

Result<> run_agent(const RunOptions& options) {
  return App(options).run();
}

}  // namespace tiercel
