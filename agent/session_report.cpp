#include "agent/session_report.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/time_text.h"
#include "agent/cli/json.h"

namespace tiercel {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr double kMib = 1 << 20;
constexpr uint64_t kToldEveryS = 10;  // on a terminal that has the alerts, too
constexpr size_t kRulesShown = 20;
constexpr int kCountingMsMax = 60'000;

double seconds(uint64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(kSecondNs);
}

std::string span_text(uint64_t ns) {
  const uint64_t s = ns / kSecondNs;
  if (s < 120) return fmt::format("{:.1f} s", seconds(ns));
  return s < 7'200 ? fmt::format("{} min {} s", s / 60, s % 60) : fmt::format("{} h {} min", s / 3'600, s / 60 % 60);
}

// 1234567 -> "1,234,567"
std::string grouped(uint64_t number) {
  std::string out = std::to_string(number);
  for (size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, ",");
  return out;
}

uint64_t per_s(uint64_t count, uint64_t ns) {
  return ns == 0 ? 0 : static_cast<uint64_t>(static_cast<double>(count) / seconds(ns));
}

std::vector<std::pair<uint64_t, std::string>> by_count(const std::map<std::string, uint64_t>& rules) {
  std::vector<std::pair<uint64_t, std::string>> out;
  for (const auto& [rule, alerts] : rules) out.emplace_back(alerts, rule);
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  return out;
}

}  // namespace

std::string progress_text(const SessionFigures& f) {
  const std::string what = fmt::format("{} records, {} alerts", grouped(f.records), grouped(f.alerts));
  if (f.replay)
    return fmt::format("replay: {} %, {}, {}, {} records/s", f.size_bytes * 100 / std::max<uint64_t>(f.of_bytes, 1),
                       span_text(f.took_ns), what, grouped(per_s(f.records, f.took_ns)));
  return fmt::format("recording: {}, {}, {:.1f} MiB, {} lost; Ctrl-C ends it", span_text(f.took_ns), what,
                     static_cast<double>(f.size_bytes) / kMib, grouped(f.lost));
}

std::string session_text(const SessionFigures& f) {
  std::string out = fmt::format("{:<17} {}\n", f.replay ? "replayed" : "recorded", f.file);
  out +=
      fmt::format("records           {} ({:.1f} MiB)\n", grouped(f.records), static_cast<double>(f.size_bytes) / kMib);
  if (f.records > 0)
    out += fmt::format("they span         {}, from {}\n", span_text(f.last_ns - std::min(f.last_ns, f.first_ns)),
                       datetime_local_seconds(f.began_ns));
  out +=
      fmt::format("took              {} ({} records/s)\n", span_text(f.took_ns), grouped(per_s(f.records, f.took_ns)));
  const auto rules = by_count(f.rules);
  if (!rules.empty()) out += "alerts by rule\n";
  for (size_t i = 0; i < std::min(rules.size(), kRulesShown); ++i)
    out += fmt::format("{:>16}  {}\n", grouped(rules[i].first), rules[i].second);
  if (rules.size() > kRulesShown) out += fmt::format("{:>16}  more rules\n", rules.size() - kRulesShown);
  return out;
}

std::string session_json(const SessionFigures& f) {
  cli::Json out;
  out.open_object().put("command", f.replay ? "replay" : "record").put("file", f.file);
  out.put_number("records", f.records).put_number("size_bytes", f.size_bytes);
  out.put("first", f.records > 0 ? iso8601_z(f.began_ns) : "");
  out.put_number("span_ms", (f.last_ns - std::min(f.last_ns, f.first_ns)) / 1'000'000);
  out.put_number("took_ms", f.took_ns / 1'000'000);
  out.put_number("events", f.events).put_number("alerts", f.alerts).put_number("lost", f.lost);
  out.key("rules").open_array();
  for (const auto& [alerts, rule] : by_count(f.rules))
    out.open_object().put("rule", rule).put_number("alerts", alerts).close_object();
  return out.close_array().close_object().str();
}

SessionReport::SessionReport(const RunOptions& options, siem::Spool& spool, const Clock& clock)
    : options_(options), clock_(clock) {
  if (options.record_to.empty() && options.replay_from.empty()) return;
  figures_.replay = !options.replay_from.empty();
  figures_.file = figures_.replay ? options.replay_from : options.record_to;
  own_line_ = ::isatty(STDOUT_FILENO) != 1;
  counts_ = std::make_unique<siem::ReaderThread>(
      spool, siem::ReaderThread::Options{.name = "count", .takes_routine = false, .batch_rows_max = 4'096},
      [this](std::span<const siem::Row> rows) {
        count(rows);
        return rows.size();
      });
}

void SessionReport::count(std::span<const siem::Row> rows) {
  const std::lock_guard lock(mutex_);
  for (const siem::Row& row : rows) ++figures_.rules[row.alert->rule];
}

void SessionReport::start(uint64_t wall_offset_ns) {
  started_ns_ = clock_.monotonic_ns();
  wall_offset_ns_ = wall_offset_ns;
  // Without it the end lacks the rules' counts, and nothing else.
  if (counts_) [[maybe_unused]]
    const auto started = counts_->start();
}

void SessionReport::look(const sensor::Source& source, const sensor::Recorder* recorder) {
  if (started_ns_ == 0) return;
  figures_.took_ns = clock_.monotonic_ns() - started_ns_;
  const sensor::Source::Progress progress = source.progress();
  figures_.of_bytes = progress.of_bytes;
  if (recorder != nullptr) figures_.records = recorder->records();  // with what was written to be known before others
  figures_.size_bytes = recorder != nullptr ? recorder->size_bytes() : progress.read_bytes;
}

bool SessionReport::tick(const sensor::Source& source, const sensor::Recorder* recorder, const Metrics& metrics) {
  look(source, recorder);
  const uint64_t now_s = figures_.took_ns / kSecondNs;
  if (counts_ && ::isatty(STDERR_FILENO) == 1 && now_s > 0 && (own_line_ || now_s >= told_s_ + kToldEveryS)) {
    told_s_ = now_s;
    figures_.alerts = metrics.sum("tiercel_alerts_total");
    figures_.lost = metrics.sum("tiercel_kernel_events_lost_total");
    const std::string text = progress_text(figures_);
    fmt::print(stderr, "{}{}{}", own_line_ ? "\r" : "", text, own_line_ ? "\033[K" : "\n");
  }
  const bool long_enough = options_.stop_after_s > 0 && figures_.took_ns >= options_.stop_after_s * kSecondNs;
  const bool big_enough = options_.record_bytes_max > 0 && figures_.size_bytes >= options_.record_bytes_max;
  return !long_enough && !big_enough;
}

void SessionReport::stop(const sensor::Source& source, const sensor::Recorder* recorder) {
  look(source, recorder);
  if (counts_) counts_->stop(kCountingMsMax);
  if (own_line_ && told_s_ > 0) std::fputs("\r\033[K", stderr);
}

Result<> SessionReport::end(const Status& status) {
  std::fputs(summary_text(status).c_str(), stderr);
  if (!counts_) return {};
  figures_.began_ns = figures_.first_ns + wall_offset_ns_;
  figures_.events = status.events;
  figures_.alerts = status.alerts;
  figures_.lost = status.lost();
  std::fputs(session_text(figures_).c_str(), stderr);
  if (options_.summary_to.empty()) return {};
  const std::string json = session_json(figures_) + "\n";
  if (options_.summary_to == "-") {
    std::fputs(json.c_str(), stdout);
    std::fflush(stdout);
    return {};
  }
  return write_file_atomically(options_.summary_to, json, 0644);
}

}  // namespace tiercel
