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
#include <string_view>
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
constexpr const char* kImportEnding = ".import";
constexpr const char* kDamagedEnding = ".damaged";

bool exists(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0;
}

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
  if (exists(path(kImportEnding))) damage_ = "an earlier rescue was broken off";
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
  if (!good) trouble(opened ? state.error() : opened.error());
  if (good && exists(path(kImportEnding))) import_ = std::make_unique<Import>(path(kImportEnding), Import::Bounds{});
}

void DurableSpool::move_files(const char* from, const char* to) const {
  // A rescue that was not finished: it is not carried on, but what it was about is kept.
  if (std::string_view(to) == kImportEnding && exists(path(kImportEnding))) {
    log::error("the spool: not all of {} was rescued; it is kept as {}", path(kImportEnding), path(kDamagedEnding));
    move_files(kImportEnding, kDamagedEnding);
  }
  for (const char* part : {"", "-wal", "-shm"}) {
    const std::string target = path(to) + part;
    ::unlink(target.c_str());
    if (::rename((path(from) + part).c_str(), target.c_str()) != 0 && errno != ENOENT)
      log::error("cannot rename {} to {}: {}", path(from) + part, target, std::strerror(errno));
  }
}

// Nothing is thrown away: what the file still gives is appended anew, once there is another.
void DurableSpool::put_aside(const std::string& why, uint64_t rows_gone) {
  tell(alert::Priority::kError, "damaged",
       "the spool's file is damaged; it is put aside, and what it still gives is sent again", why, rows_gone);
  damage_ = why;
  import_.reset();
  import_bounds_ = {};
  {
    const std::lock_guard lock(mutex_);
    for (const Lane lane : {Lane::kCritical, Lane::kRest}) {
      if (!file_) continue;
      import_bounds_.after[static_cast<size_t>(lane)] = memory_.done_to(lane);
      import_bounds_.upto[static_cast<size_t>(lane)] = memory_.left_memory_to(lane);
    }
    file_.reset();
    disk_rows_ = {};
    memory_.nothing_on_disk();
  }
  move_files("", kImportEnding);
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
  // One that could not be opened when the agent started: its numbers are not ours.
  if (exists(path())) move_files("", kImportEnding);
  auto opened = SpoolFile::open(path());
  if (!opened) {
    trouble({opened.error().message, false});
    return false;
  }
  if (exists(path(kImportEnding)))
    import_ = std::make_unique<Import>(path(kImportEnding), std::exchange(import_bounds_, {}));
  const std::lock_guard lock(mutex_);
  file_ = std::move(*opened);
  return true;
}

void DurableSpool::import_some() {
  if (!import_) return;
  {
    const std::lock_guard lock(mutex_);
    if (memory_.rows_not_on_disk() > kImportWaitsAbove) return;
  }
  std::vector<alert::AlertPtr> alerts = import_->next(kImportAtOnce);
  if (!alerts.empty()) {
    for (alert::AlertPtr& alert : alerts) append(std::move(alert));
    return;
  }
  if (!trouble_.empty()) return;  // the last rows are in memory only: the file is still needed
  const bool whole = import_->whole();
  const uint64_t rows = import_->rows();
  import_.reset();
  if (whole)
    for (const char* part : {"", "-wal", "-shm"}) ::unlink((path(kImportEnding) + part).c_str());
  else
    move_files(kImportEnding, kDamagedEnding);
  if (rows > 0 || !whole)
    tell(alert::Priority::kWarning, "rescued",
         fmt::format("{} alerts of an older spool file are sent again{}", rows,
                     whole ? "" : "; others may be lost: the file is kept as " + path(kDamagedEnding)),
         damage_, rows);
  damage_.clear();
}

}  // namespace tiercel::siem
