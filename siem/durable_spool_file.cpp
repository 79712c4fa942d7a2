// DurableSpool's file: taken, opened, put aside when it is damaged, and what an older one still holds.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <utility>

#include "agent/base/log.h"
#include "agent/base/thread.h"
#include "siem/durable_spool.h"

namespace tiercel::siem {
namespace {

using alert::Lane;

constexpr size_t kImportAtOnce = 512;
constexpr size_t kImportWaitsAbove = 8'192;  // rows that are not on the disk yet
constexpr mode_t kFolderMode = 0750;
constexpr size_t kImportAboveBytes = 32u << 20;  // as much may wait in memory, and one step more

// A file that is there and holds nothing was something once: SQLite would take it for a new one.
bool is_empty_file(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size == 0;
}

}  // namespace

Result<> DurableSpool::take_folder() {
  if (folder_lock_.valid()) return {};
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(options_.folder).parent_path(), ignored);
  if (::mkdir(options_.folder.c_str(), kFolderMode) != 0 && errno != EEXIST)
    return fail_errno("cannot make the folder " + options_.folder, errno);
  Fd lock(::open((options_.folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return fail_errno("cannot make " + options_.folder + "/lock", errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(
        "another tiercel uses the spool in " + options_.folder + ": end it, or give this one a state_dir of its own",
        Fault::kUser);
  folder_lock_ = std::move(lock);
  asides_.find();
  return {};
}

Result<> DurableSpool::open() {
  if (thread_.joinable()) return {};
  {
    const std::lock_guard lock(mutex_);
    durable_ = !options_.folder.empty() && memory_.any_keeps_place();
  }
  if (durable_) {
    if (auto taken = take_folder(); !taken && taken.error().fault == Fault::kUser) return taken;
    open_at_start();
    want_work();  // rows that nobody needs any more
  }
  thread_ = start_thread("spool", [this] { run(); });
  return {};
}

void DurableSpool::open_at_start() {
  const bool was_emptied = is_empty_file(path());
  auto opened = folder_lock_.valid() ? SpoolFile::open(path())
                                     : SpoolFile::Outcome<std::unique_ptr<SpoolFile>>(tl::unexpected(
                                           SpoolFile::Trouble{"cannot use the folder " + options_.folder, false}));
  SpoolFile::Outcome<SpoolFile::State> state = tl::unexpected(SpoolFile::Trouble{});
  if (opened) state = (*opened)->state();
  const bool good = opened && state;
  {
    const std::lock_guard lock(mutex_);
    if (good) {
      file_ = std::move(*opened);
      well_ = true;
      disk_rows_ = state->rows;
      memory_.take_state(*state);
      memory_.add_losses(state->losses);
    } else {
      memory_.begin_at(clock_.realtime_ns() / 1'000);  // above whatever an older file may have given
    }
  }
  if (good && was_emptied)
    tell(alert::Priority::kError, "damaged", "the spool's file was empty: what it held is gone", path());
  if (!good) {
    asides_.add({});
    trouble(opened ? state.error() : opened.error());
  }
  note_rescue();
}

// Nothing is thrown away: what the file still gives is appended anew, once there is another.
void DurableSpool::put_aside(const SpoolFile::Trouble& trouble) {
  tell(alert::Priority::kError, "damaged",
       "the spool's file is damaged; it is put aside, and what it still gives is sent again", trouble.message,
       trouble.rows_gone);
  FilePtr file;
  Asides::Facts facts;
  facts.why = trouble.message;
  {
    const std::lock_guard lock(mutex_);
    file = std::exchange(file_, nullptr);
    if (file) {
      for (const Lane lane : {Lane::kCritical, Lane::kRest}) {
        facts.bounds.after[static_cast<size_t>(lane)] = memory_.done_to(lane);
        facts.bounds.upto[static_cast<size_t>(lane)] = memory_.left_memory_to(lane);
      }
      // Rows that are here as well are not read from there.
      const uint64_t elsewhere = memory_.rows() - memory_.rows_not_on_disk() + trouble.rows_gone;
      const uint64_t on_disk = std::accumulate(disk_rows_.begin(), disk_rows_.end(), uint64_t{0});
      facts.rows_at_most = on_disk - std::min(elsewhere, on_disk);
    }
    rescuing_ = true;
    disk_rows_ = {};
    memory_.nothing_on_disk();
  }
  if (file) file->leave_log();
  facts.open = std::move(file);
  facts.has_name = !trouble.still_open;
  asides_.add(std::move(facts));
  retry_at_ns_ = 0;
}

bool DurableSpool::have_file() {
  if (file()) return true;
  const uint64_t now_ns = clock_.monotonic_ns();
  if (now_ns < retry_at_ns_) return false;
  if (auto taken = take_folder(); !taken) {
    trouble({taken.error().message, false});
    return false;
  }
  if (!asides_.move()) {
    trouble({"cannot put aside " + path(), false});
    return false;
  }
  auto opened = SpoolFile::open(path());
  if (!opened) {
    trouble({opened.error().message, false});
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    file_ = std::move(*opened);
  }
  note_rescue();
  return true;
}

void DurableSpool::note_rescue() {
  const std::lock_guard lock(mutex_);
  rescuing_ = asides_.any();
}

// Without a file too: what a damaged one gives may be delivered from memory.
void DurableSpool::import_some() {
  if (!asides_.readable()) return;
  bool all_kept = false;
  {
    const std::lock_guard lock(mutex_);
    if (memory_.rows_not_on_disk() > kImportWaitsAbove || memory_.size_bytes() > kImportAboveBytes) return;
    all_kept = memory_.rows_not_on_disk() == 0;
  }
  if (auto alerts = asides_.next(kImportAtOnce)) {
    for (alert::AlertPtr& alert : *alerts) append(std::move(alert));
    want_work();
    return;
  }
  if (!trouble_.empty() && !all_kept) return;  // the last rows are in memory only: the file is still needed
  tell_rescue(asides_.end_first());
  note_rescue();
}

void DurableSpool::tell_rescue(const Asides::End& end) {
  const uint64_t lost = end.lost_at_most.value_or(0);
  if (end.rows == 0 && lost == 0 && end.kept_as.empty()) return;
  damaged_rows_.add(lost);
  std::string message = fmt::format("{} alerts of an older spool file are sent again", end.rows);
  if (end.lost_at_most)
    message += lost > 0 ? fmt::format("; at most {} others are lost", lost) : "; none is lost";
  else if (!end.kept_as.empty())
    message += "; others may be lost";
  if (!end.kept_as.empty()) message += ": the file is kept as " + end.kept_as;
  tell(lost > 0 ? alert::Priority::kError : alert::Priority::kWarning, "rescued", message, end.why, end.rows, lost);
}

}  // namespace tiercel::siem
