#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "agent/base/log.h"
#include "siem/ages.h"
#include "siem/history/history.h"
#include "siem/history/history_file.h"
#include "siem/reader_thread.h"

namespace tiercel::history {
namespace {

using siem::Row;
using siem::Trouble;

constexpr mode_t kFolderMode = 0750;
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kRetryMaxNs = 30 * kSecondNs;
// The spool has rows on the disk 20 ms after they came, if nobody took them by then; a write a row would cost more.
constexpr int kPauseMs = 10;
constexpr size_t kBatchRowsMax = 512;

class HistorySink final : public siem::Sink {
 public:
  HistorySink(siem::Spool& spool, HistoryOptions options, Metrics& metrics, const Clock& clock, alert::Reports& reports)
      : options_(std::move(options)),
        clock_(clock),
        reports_(reports),
        delivered_(metrics.counter("tiercel_output_delivered_total", "Alerts that an output delivered", options_.name)),
        lost_(metrics.counter("tiercel_output_lost_total", "Alerts that an output could not deliver and gave up",
                              options_.name)),
        errors_(metrics.counter("tiercel_output_errors_total", "Attempts of an output that failed and were repeated",
                                options_.name)),
        for_size_(metrics.counter("tiercel_history_removed_total", "Alerts that the history's limits removed", "size")),
        for_age_(metrics.counter("tiercel_history_removed_total", "Alerts that the history's limits removed", "age")),
        ages_(options_.age_s_max, clock),
        thread_(spool,
                {.name = options_.name,
                 .takes_routine = false,
                 .keeps_place = true,
                 .batch_rows_max = kBatchRowsMax,
                 .pause_ms = kPauseMs},
                [this](std::span<const Row> rows) { return deliver(rows); }) {}

  [[nodiscard]] std::string name() const override { return options_.name; }
  Result<> start() override { return thread_.start(); }
  void stop(int timeout_ms) override { thread_.stop(timeout_ms); }

 private:
  size_t deliver(std::span<const Row> rows);
  bool write(std::span<const Row> rows);
  bool have_file();
  void failed(const Trouble& trouble);
  void put_aside(const std::string& why);
  void tell(Priority priority, const char* state, const std::string& message, const std::string& reason, uint64_t lost);

  const HistoryOptions options_;
  const Clock& clock_;
  alert::Reports& reports_;
  Counter& delivered_;
  Counter& lost_;
  Counter& errors_;
  Counter& for_size_;
  Counter& for_age_;
  // The thread's own, after start():
  siem::Ages ages_;
  std::unique_ptr<HistoryFile> file_;
  std::string trouble_;   // that was reported and still lasts
  uint64_t dropped_ = 0;  // since then
  uint64_t retry_at_ns_ = 0, retry_ns_ = 0;
  siem::ReaderThread thread_;  // last: it uses all of the above
};

// Whatever happens, the spool is rid of them: who looks at the history must not hold up anybody else.
size_t HistorySink::deliver(std::span<const Row> rows) {
  if (rows.empty()) return 0;
  if (!write(rows)) {
    lost_.add(rows.size());
    dropped_ += rows.size();
  }
  return rows.size();
}

bool HistorySink::write(std::span<const Row> rows) {
  for (bool again : {true, false}) {
    if (!have_file()) return false;
    const HistoryFile::Limits limits{options_.size_bytes_max, ages_.older_than_ns()};
    auto written = file_->write(rows, limits);
    if (written) {
      delivered_.add(written->rows);
      for_size_.add(written->removed_for_size);
      for_age_.add(written->removed_for_age);
      if (limits.older_than_ns > 0) file_->tidy();
      retry_ns_ = 0;
      if (!trouble_.empty())
        tell(Priority::kNotice, "well", "the history takes alerts again", std::exchange(trouble_, {}),
             std::exchange(dropped_, 0));
      return true;
    }
    failed(written.error());
    if (!again || !written.error().damaged) return false;
  }
  return false;
}

bool HistorySink::have_file() {
  if (file_) return true;
  const uint64_t now_ns = clock_.monotonic_ns();
  if (now_ns < retry_at_ns_) return false;
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(options_.folder).parent_path(), ignored);
  if (::mkdir(options_.folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    failed({fmt::format("cannot make the folder {}: {}", options_.folder, std::strerror(errno))});
    return false;
  }
  for (bool again : {true, false}) {
    auto opened = HistoryFile::open(file_in(options_.folder), clock_.realtime_ns());
    if (opened) {
      file_ = std::move(*opened);
      return true;
    }
    failed(opened.error());
    if (!again || !opened.error().damaged) return false;
  }
  return false;
}

void HistorySink::failed(const Trouble& trouble) {
  errors_.add();
  file_.reset();
  if (trouble.damaged) return put_aside(trouble.message);
  retry_ns_ = std::clamp(retry_ns_ * 2, kSecondNs, kRetryMaxNs);
  retry_at_ns_ = clock_.monotonic_ns() + retry_ns_;
  if (trouble_.empty())
    tell(Priority::kError, "failing",
         "the disk does not take the history: `tiercel alerts` will lack what comes now; other outputs are not touched",
         trouble.message, 0);
  trouble_ = trouble.message;
}

void HistorySink::put_aside(const std::string& why) {
  const std::string path = file_in(options_.folder);
  for (const char* part : {"", "-wal", "-shm"}) {
    const std::string target = path + ".damaged" + part;
    ::unlink(target.c_str());
    if (::rename((path + part).c_str(), target.c_str()) != 0 && errno != ENOENT)
      log::error("cannot rename {}{} to {}: {}", path, part, target, std::strerror(errno));
  }
  tell(Priority::kError, "damaged", "the history's file is damaged and was put aside; a new one begins", why, 0);
}

void HistorySink::tell(Priority priority, const char* state, const std::string& message, const std::string& reason,
                       uint64_t lost) {
  log::warning("the history: {} ({})", message, reason);
  reports_.put({priority,
                "Tiercel internal: history",
                fmt::format("{}: {}{}", message, reason, lost == 0 ? "" : fmt::format("; {} are not in it", lost)),
                {{"state", state}, {"reason", reason}, {"lost", lost}}});
}

}  // namespace

std::unique_ptr<siem::Sink> make_history_sink(siem::Spool& spool, HistoryOptions options, Metrics& metrics,
                                              const Clock& clock, alert::Reports& reports) {
  return std::make_unique<HistorySink>(spool, std::move(options), metrics, clock, reports);
}

}  // namespace tiercel::history
