#include "siem/durable_spool.h"

#include <fmt/core.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/base/log.h"
#include "agent/base/thread.h"
#include "agent/base/time_text.h"

namespace tiercel::siem {
namespace {

using alert::Lane;
using std::chrono::milliseconds;

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr size_t kRowsAtOnce = 4'096;  // of one transaction
constexpr uint64_t kRetryMaxNs = 10 * kSecondNs;
constexpr uint64_t kLossesEveryNs = 10 * kSecondNs;
constexpr uint64_t kForgetLossesNs = 2 * kSecondNs;  // by then the report is on the disk itself
constexpr int kIdleMs = 1'000;
constexpr int kFullTimesMax = 4;

}  // namespace

DurableSpool::DurableSpool(SpoolOptions options, Metrics& metrics, const Clock& clock, alert::Reports& reports)
    : options_(std::move(options)),
      clock_(clock),
      reports_(reports),
      commits_(metrics.counter("tiercel_spool_commits_total", "Transactions of the spool that are on the disk")),
      failures_(
          metrics.counter("tiercel_spool_failures_total", "Transactions of the spool that the disk did not take")),
      damaged_rows_(
          metrics.counter("tiercel_spool_damaged_lost_total", "Rows of the spool that were damaged on the disk")),
      memory_({options_.memory_rows_max, options_.memory_bytes_max, options_.kept_bytes_max}, metrics),
      asides_(path()),
      ages_(options_.age_s_max, clock) {}

DurableSpool::~DurableSpool() {
  close();
}

Spool::ReaderId DurableSpool::add_reader(ReaderOptions options) {
  const std::lock_guard lock(mutex_);
  return memory_.add_reader(std::move(options));
}

void DurableSpool::append(alert::AlertPtr alert) {
  SpoolMemory::Doomed doomed;  // freed after the lock is
  bool sleeps = false;
  {
    const std::lock_guard lock(mutex_);
    memory_.append(std::move(alert), doomed);
    sleeps = !std::exchange(work_, true);
  }
  if (sleeps) changed_.notify_one();
  wake_readers();
}

// Readers come before the first append, so the list is not locked.
void DurableSpool::wake_readers() const {
  for (const SpoolMemory::Reader& reader : memory_.readers())
    if (reader.options.wake) reader.options.wake();
}

void DurableSpool::want_work() {
  {
    const std::lock_guard lock(mutex_);
    work_ = true;
  }
  changed_.notify_one();
}

DurableSpool::FilePtr DurableSpool::file() const {
  const std::lock_guard lock(mutex_);
  return file_;
}

std::vector<Row> DurableSpool::read(ReaderId id, Lane lane, uint64_t after, size_t most) {
  for (;;) {
    FilePtr file;
    uint64_t upto = 0;
    bool takes_routine = true;
    {
      const std::lock_guard lock(mutex_);
      const SpoolMemory::Reader& reader = memory_.readers().at(id);
      after = std::max(after, reader.cursors[static_cast<size_t>(lane)]);
      upto = memory_.left_memory_to(lane);
      if (after >= upto || !file_) return memory_.read(id, lane, after, most);
      file = file_;
      takes_routine = reader.options.takes_routine;
    }
    SpoolFile::Notes notes;
    auto rows = file->read(lane, after, upto, most, notes);
    damaged_rows_.add(notes.damaged);
    if (!rows) {
      log::error("the spool cannot be read: {}", rows.error().message);
      if (rows.error().damaged)
        damaged_.store(file.get(), std::memory_order_release);
      else
        read_failed_.store(true, std::memory_order_release);
      want_work();
      return {};
    }
    if (!takes_routine) std::erase_if(*rows, [](const Row& row) { return row.alert->routine; });
    if (!rows->empty()) return std::move(*rows);
    after = notes.last_seq == 0 ? upto : notes.last_seq;
  }
}

void DurableSpool::confirm(ReaderId id, Lane lane, uint64_t seq) {
  SpoolMemory::Doomed doomed;
  bool sleeps = false;
  {
    const std::lock_guard lock(mutex_);
    memory_.confirm(id, lane, seq, doomed);
    sleeps = !std::exchange(work_, true);
  }
  if (sleeps) changed_.notify_one();
}

uint64_t DurableSpool::cursor(ReaderId id, Lane lane) const {
  const std::lock_guard lock(mutex_);
  return memory_.readers().at(id).cursors[static_cast<size_t>(lane)];
}

Spool::Counts DurableSpool::counts() const {
  const std::lock_guard lock(mutex_);
  uint64_t waiting = memory_.rows_not_on_disk();
  for (const uint64_t rows : disk_rows_) waiting += rows;
  return {memory_.appended(), waiting, memory_.lost(), file_ && well_, rescuing_};
}

std::vector<Spool::Waiting> DurableSpool::waiting() const {
  std::vector<Waiting> out;
  for (size_t id = 0; id < memory_.readers().size(); ++id) {
    const SpoolMemory::Reader& reader = memory_.readers()[id];
    Waiting waiting{reader.options.name, 0, false};
    for (const Lane lane : {Lane::kCritical, Lane::kRest}) {
      FilePtr file;
      uint64_t after = 0, upto = 0;
      {
        const std::lock_guard lock(mutex_);
        waiting.rows += memory_.waiting(reader, lane);
        waiting.kept = file_ && well_ && reader.options.keeps_place;
        after = reader.cursors[static_cast<size_t>(lane)];
        upto = memory_.left_memory_to(lane);
        file = file_;
      }
      if (file && after < upto) waiting.rows += file->count(lane, after, upto).value_or(0);
    }
    out.push_back(std::move(waiting));
  }
  return out;
}

// --- The thread ------------------------------------------------------------------------------------------------------

bool DurableSpool::idle() const {
  return !work_ && !stopping_;
}

void DurableSpool::run() {
  for (bool last = false; !last;) {
    {
      std::unique_lock lock(mutex_);
      if (idle()) changed_.wait_for(lock, milliseconds(kIdleMs), [this] { return !idle(); });
      // More may come, for one transaction.
      if (!stopping_) changed_.wait_for(lock, milliseconds(options_.commit_ms), [this] { return stopping_; });
      last = stopping_;
      work_ = false;
    }
    work(last);
  }
}

void DurableSpool::work(bool last) {
  if (last) retry_at_ns_ = 0;
  // A reader may tell of one that is put aside already.
  if (const SpoolFile* damaged = damaged_.exchange(nullptr); damaged != nullptr && damaged == file().get())
    put_aside({"a row could not be read", true});
  if (durable_) {
    const bool have = have_file();
    import_some();
    while (have && commit_some()) {
    }
  }
  if (read_failed_.exchange(false)) wake_readers();
  tell_losses(last);
}

void DurableSpool::close() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  folder_lock_.reset();
}

// False: there is nothing that the disk would have to know.
bool DurableSpool::collect(SpoolFile::Changes& changes, uint64_t& upto) {
  const std::lock_guard lock(mutex_);
  changes.rows = memory_.not_on_disk(kRowsAtOnce, upto);
  const bool disk_empty = std::all_of(disk_rows_.begin(), disk_rows_.end(), [](uint64_t rows) { return rows == 0; });
  if (changes.rows.empty() && disk_empty && !stopping_ && trouble_.empty()) {
    SpoolMemory::Doomed doomed;
    memory_.now_on_disk(upto, doomed);
    return false;
  }
  changes.parts = memory_.parts();
  changes.last_seq = memory_.last_seq();
  for (const SpoolMemory::Reader& reader : memory_.readers())
    if (reader.options.keeps_place) changes.places.push_back({reader.options.name, reader.cursors});
  for (const Lane lane : {Lane::kCritical, Lane::kRest}) {
    changes.done_to[static_cast<size_t>(lane)] = memory_.done_to(lane);
    changes.others_to[static_cast<size_t>(lane)] = memory_.others_to(lane);
  }
  changes.size_bytes_max = options_.size_bytes_max;
  return true;
}

// One transaction. True: there is more.
bool DurableSpool::commit_some() {
  const uint64_t now_ns = clock_.monotonic_ns();
  if (!well_ && now_ns < retry_at_ns_) return false;
  SpoolFile::Changes changes;
  uint64_t upto = 0;
  if (!collect(changes, upto)) return false;
  changes.older_than_ns = ages_.older_than_ns();
  if (changes.older_than_ns > 0) file()->tidy();
  changes.losses_told = losses_to_forget_ && now_ns > losses_reported_ns_ + kForgetLossesNs;
  auto done = file()->commit(changes);
  if (!done) {
    trouble(done.error());
    return false;
  }
  commits_.add();
  if (changes.losses_told) losses_to_forget_ = false;
  settle(*done, upto);
  if (!trouble_.empty()) tell(alert::Priority::kNotice, "durable", "the spool is on the disk again", trouble_);
  trouble_.clear();
  retry_ns_ = 0;
  return changes.rows.size() >= kRowsAtOnce;
}

void DurableSpool::settle(const SpoolFile::Done& done, uint64_t upto) {
  SpoolMemory::Doomed doomed;
  const std::lock_guard lock(mutex_);
  disk_rows_ = done.rows;
  well_ = true;
  memory_.now_on_disk(upto, doomed);
  memory_.lost_on_disk(done, doomed);
}

bool DurableSpool::disk_has_room() const {
  struct statvfs facts {};
  constexpr uint64_t kRoomBytes = 64u << 20;
  if (::statvfs(options_.folder.c_str(), &facts) != 0) return false;
  return uint64_t{facts.f_bavail} * facts.f_frsize >=
         std::min(kRoomBytes, uint64_t{facts.f_blocks} * facts.f_frsize / 4);
}

void DurableSpool::trouble(const SpoolFile::Trouble& trouble) {
  failures_.add();
  damaged_rows_.add(trouble.rows_gone);
  retry_ns_ = std::clamp(retry_ns_ * 2, kSecondNs / 2, kRetryMaxNs);
  retry_at_ns_ = clock_.monotonic_ns() + retry_ns_;
  {
    const std::lock_guard lock(mutex_);
    well_ = false;
  }
  // A file whose list of free pages is damaged is "full" for ever, whatever room the disk has.
  full_times_ = trouble.full && disk_has_room() ? full_times_ + 1 : 0;
  if (trouble.damaged || full_times_ >= kFullTimesMax) {
    full_times_ = 0;
    put_aside(trouble);
    return;
  }
  if (trouble_ == trouble.message) return;
  if (trouble_.empty())
    tell(alert::Priority::kError, "not_durable",
         "the disk does not take the spool: alerts wait in memory until it does, and a crash would lose them",
         trouble.message);
  else
    log::warning("the spool: {}", trouble.message);
  trouble_ = trouble.message;
}

void DurableSpool::tell(alert::Priority priority, const char* state, const std::string& message,
                        const std::string& reason, uint64_t rows, uint64_t lost) {
  log::warning("the spool: {} ({})", message, reason);
  reports_.put({priority,
                "Tiercel internal: spool",
                message + (reason.empty() ? "" : ": " + reason),
                {{"state", state}, {"reason", reason}, {"rows", rows}, {"lost", lost}}});
}

// From when to when, by the alerts' own times. At most one report in 10 s, the first one at once.
void DurableSpool::tell_losses(bool last) {
  const uint64_t now_ns = clock_.monotonic_ns();
  if (!last && losses_reported_ns_ != 0 && now_ns < losses_reported_ns_ + kLossesEveryNs) return;
  std::vector<SpoolFile::Loss> losses;
  {
    const std::lock_guard lock(mutex_);
    losses = memory_.take_losses();
  }
  if (losses.empty()) return;
  std::sort(losses.begin(), losses.end(), [](const auto& a, const auto& b) { return a.rows > b.rows; });
  uint64_t rows = 0, from_ns = UINT64_MAX, to_ns = 0;
  std::string by_rule;
  for (const SpoolFile::Loss& loss : losses) {
    rows += loss.rows;
    from_ns = std::min(from_ns, loss.from_ns);
    to_ns = std::max(to_ns, loss.to_ns);
    by_rule += fmt::format("{}{}={}", by_rule.empty() ? "" : "; ", loss.rule, loss.rows);
  }
  losses_reported_ns_ = now_ns;
  losses_to_forget_ = true;
  log::error("the spool's limits removed {} alerts from {} to {} ({})", rows, iso8601_z(from_ns), iso8601_z(to_ns),
             by_rule);
  reports_.put(
      {alert::Priority::kCritical,
       "Tiercel internal: alerts lost",
       fmt::format("{} alerts were removed by the spool's limits before they were delivered ({})", rows, by_rule),
       {{"lost", rows}, {"by_rule", by_rule}, {"from", iso8601_z(from_ns)}, {"to", iso8601_z(to_ns)}}});
}

std::unique_ptr<Spool> make_spool(SpoolOptions options, Metrics& metrics, const Clock& clock, alert::Reports& reports) {
  return std::make_unique<DurableSpool>(std::move(options), metrics, clock, reports);
}

}  // namespace tiercel::siem
