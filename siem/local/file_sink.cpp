#include "siem/local/file_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "agent/alert/normalised.h"
#include "agent/alert/within.h"
#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "siem/reader_thread.h"

namespace tiercel::siem {
namespace {

constexpr mode_t kMode = 0640;  // whatever the umask says
constexpr mode_t kFolderMode = 0750;
constexpr off_t kTornLineBytesMax = 256 * 1024;
// What logcollector reads of a line, its line break included: 65536 - 256 - 1. It hands on the beginning of a longer
// one.
constexpr size_t kWazuhLineBytesMax = 65'279;
constexpr size_t kWazuhEventBytesMax = kWazuhLineBytesMax - 1 - alert::kEventLinePrefix.size();

uint8_t parts_of(FileSinkOptions::Format format) {
  switch (format) {
    case FileSinkOptions::Format::kFalco:
      return kFalcoJson;
    case FileSinkOptions::Format::kText:
      return kTextLine;
    case FileSinkOptions::Format::kNormalised:
    case FileSinkOptions::Format::kWazuh:
      break;
  }
  return kEventJson;
}

std::string default_name(const std::string& path) {
  return "file " + path;
}

// Counters of an output without a name of its own have the path alone.
const std::string& label_of(const FileSinkOptions& options) {
  return options.name == default_name(options.path) ? options.path : options.name;
}

FileSinkOptions named(FileSinkOptions options) {
  if (options.name.empty()) options.name = default_name(options.path);
  return options;
}

class FileSinkImpl final : public FileSink {
 public:
  FileSinkImpl(Spool& spool, FileSinkOptions options, Metrics& metrics)
      : options_(named(std::move(options))),
        errors_(metrics.counter("tiercel_output_errors_total", "Attempts of an output that failed and were repeated",
                                label_of(options_))),
        delivered_(
            metrics.counter("tiercel_output_delivered_total", "Alerts that an output delivered", label_of(options_))),
        cut_(metrics.counter("tiercel_output_cut_total", "Alerts cut to what a reader of the output takes",
                             label_of(options_))),
        bucket_(options_.rate_max_per_s),
        thread_(spool,
                {.name = options_.name,
                 .least_priority = options_.least_priority,
                 .condition = options_.condition,
                 .keeps_place = true,
                 .parts = parts_of(options_.format)},
                [this](std::span<const Row> rows) { return deliver(rows); }) {}

  [[nodiscard]] std::string name() const override { return options_.name; }
  Result<> start() override;
  void stop(int timeout_ms) override { thread_.stop(timeout_ms); }
  void reopen() override {
    reopen_.store(true, std::memory_order_release);
    thread_.wake();
  }

 private:
  size_t deliver(std::span<const Row> rows);
  Result<> open();
  [[nodiscard]] bool was_moved() const;
  Result<> mend_torn_line();
  Result<> rotate();
  void rotate_or_say();
  Result<size_t> append(std::span<const Row> rows);
  Result<> cut_back(off_t size_bytes);
  std::string line_of(const Row& row);
  [[nodiscard]] bool looks_like_ours(std::string_view line) const;
  void failed(const Error& error);

  const FileSinkOptions options_;
  Counter& errors_;
  Counter& delivered_;
  Counter& cut_;
  std::atomic<bool> reopen_{false};
  // The thread's own, after start():
  Fd fd_;
  off_t size_bytes_ = 0;  // of whole lines
  bool torn_ = false;     // there may be bytes after size_bytes_
  bool failing_ = false;
  bool rotation_failing_ = false;
  TokenBucket bucket_;
  ReaderThread thread_;  // last: it uses all of the above
};

std::string FileSinkImpl::line_of(const Row& row) {
  switch (options_.format) {
    case FileSinkOptions::Format::kFalco:
      return row.alert->falco_json + '\n';
    case FileSinkOptions::Format::kText:
      return row.alert->text_line + '\n';
    case FileSinkOptions::Format::kWazuh: {
      bool cut = false;
      const std::string event = alert::event_within(*row.alert, kWazuhEventBytesMax, cut);
      if (cut) cut_.add();
      return std::string(alert::kEventLinePrefix) + event + '\n';
    }
    case FileSinkOptions::Format::kNormalised:
      break;
  }
  return row.alert->event_json + '\n';
}

bool FileSinkImpl::looks_like_ours(std::string_view line) const {
  if (options_.format != FileSinkOptions::Format::kWazuh) return line.starts_with('{');
  const std::string_view word = alert::kEventLinePrefix;
  return line.substr(0, word.size()) == word.substr(0, line.size());
}

Result<> FileSinkImpl::start() {
  if (auto opened = open(); !opened) return opened;
  return thread_.start();
}

Result<> FileSinkImpl::open() {
  // Not blocking on a FIFO; what is no regular file is refused below.
  constexpr int kFlags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const char* path = options_.path.c_str();
  Fd fd(::open(path, kFlags));
  if (!fd.valid() && errno == ENOENT) {
    if (const size_t slash = options_.path.rfind('/'); slash != std::string::npos && slash > 0)
      ::mkdir(options_.path.substr(0, slash).c_str(), kFolderMode);  // if it fails, so does the open
    fd.reset(::open(path, kFlags | O_CREAT | O_EXCL, kMode));
    if (fd.valid() && ::fchmod(fd.get(), kMode) != 0)
      return fail_errno("cannot set the mode of " + options_.path, errno);
  }
  if (!fd.valid()) return fail_errno("cannot open the alert file " + options_.path, errno);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return fail_errno("cannot stat " + options_.path, errno);
  if (!S_ISREG(st.st_mode))
    return fail(options_.path + " is no regular file: name one, or use the output stdout", Fault::kUser);
  fd_ = std::move(fd);
  size_bytes_ = st.st_size;
  torn_ = false;
  if (auto mended = mend_torn_line(); !mended) {
    fd_.reset();
    return mended;
  }
  return {};
}

// An agent that was killed in the middle of a write leaves half a line. If it looks like ours it goes (its alert was
// never confirmed); if not, it is somebody else's and gets its line break.
Result<> FileSinkImpl::mend_torn_line() {
  char last = '\n';
  if (size_bytes_ > 0 && ::pread(fd_.get(), &last, 1, size_bytes_ - 1) != 1)
    return fail_errno("cannot read " + options_.path, errno);
  if (last == '\n') return {};
  const off_t begin = std::max<off_t>(0, size_bytes_ - kTornLineBytesMax);
  std::string tail(static_cast<size_t>(size_bytes_ - begin), '\0');
  const ssize_t n = ::pread(fd_.get(), tail.data(), tail.size(), begin);
  if (n < 0) return fail_errno("cannot read " + options_.path, errno);
  tail.resize(static_cast<size_t>(n));
  const size_t line_break = tail.rfind('\n');
  const size_t line = line_break == std::string::npos ? 0 : line_break + 1;
  const bool whole = line_break != std::string::npos || begin == 0;
  if (whole && line < tail.size() && looks_like_ours(std::string_view(tail).substr(line)))
    return cut_back(begin + static_cast<off_t>(line));
  if (::write(fd_.get(), "\n", 1) != 1) return fail_errno("cannot write to " + options_.path, errno);
  ++size_bytes_;
  return {};
}

Result<> FileSinkImpl::cut_back(off_t size_bytes) {
  struct stat st {};
  if (::fstat(fd_.get(), &st) != 0) return fail_errno("cannot stat " + options_.path, errno);
  // Somebody may have truncated it meanwhile: never make it longer.
  size_bytes_ = std::min(size_bytes, st.st_size);
  if (st.st_size > size_bytes_ && ::ftruncate(fd_.get(), size_bytes_) != 0)
    return fail_errno("cannot take half a line out of " + options_.path, errno);
  torn_ = false;
  return {};
}

bool FileSinkImpl::was_moved() const {
  struct stat named {
  }, open{};
  if (::stat(options_.path.c_str(), &named) != 0) return errno == ENOENT;
  return ::fstat(fd_.get(), &open) != 0 || named.st_ino != open.st_ino || named.st_dev != open.st_dev;
}

// path.N-1 -> path.N, ..., path -> path.1. Where a step fails the line still goes to the file that is open.
Result<> FileSinkImpl::rotate() {
  auto numbered = [this](unsigned n) { return n == 0 ? options_.path : options_.path + "." + std::to_string(n); };
  for (unsigned n = std::max(options_.rotate_files, 1u); n > 0; --n)
    if (std::rename(numbered(n - 1).c_str(), numbered(n).c_str()) != 0 && errno != ENOENT)
      return fail_errno("cannot rotate " + numbered(n - 1), errno);
  return open();
}

void FileSinkImpl::rotate_or_say() {
  auto rotated = rotate();
  if (!rotated) errors_.add();
  const bool was_failing = std::exchange(rotation_failing_, !rotated);
  if (!rotated && !was_failing) log::error("{}; it grows beyond its limit until that works", rotated.error().message);
}

// Writes whole lines; returns how many. What a failed write left behind is taken back.
Result<size_t> FileSinkImpl::append(std::span<const Row> rows) {
  if (torn_)
    if (auto cut = cut_back(size_bytes_); !cut) return tl::unexpected(cut.error());
  struct stat st {};
  if (::fstat(fd_.get(), &st) != 0) return fail_errno("cannot stat " + options_.path, errno);
  size_bytes_ = st.st_size;  // smaller than before when somebody truncated it
  std::string lines;
  size_t count = 0;
  for (const Row& row : rows) {
    const std::string line = line_of(row);
    const uint64_t size = static_cast<uint64_t>(size_bytes_) + lines.size() + line.size();
    if (options_.rotate_size_bytes > 0 && size > options_.rotate_size_bytes) {
      if (count > 0) break;
      if (size_bytes_ > 0) rotate_or_say();
      if (!fd_.valid()) return size_t{0};
    }
    lines += line;
    ++count;
  }
  size_t written = 0;
  while (written < lines.size()) {
    const ssize_t n = ::write(fd_.get(), lines.data() + written, lines.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n > 0) {
      written += static_cast<size_t>(n);
      continue;
    }
    const int code = n < 0 ? errno : ENOSPC;
    const size_t line_break = written == 0 ? std::string::npos : lines.rfind('\n', written - 1);
    const size_t whole = line_break == std::string::npos ? 0 : line_break + 1;
    torn_ = whole < written;
    size_bytes_ += static_cast<off_t>(whole);
    if (torn_)
      if (auto cut = cut_back(size_bytes_); !cut) failed(cut.error());
    failed(fail_errno("cannot write to " + options_.path, code).value());
    return static_cast<size_t>(std::count(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(whole), '\n'));
  }
  size_bytes_ += static_cast<off_t>(lines.size());
  return count;
}

void FileSinkImpl::failed(const Error& error) {
  errors_.add();
  if (!std::exchange(failing_, true)) log::error("{}; alerts wait in the spool until it works again", error.message);
}

size_t FileSinkImpl::deliver(std::span<const Row> rows) {
  const bool asked = reopen_.exchange(false, std::memory_order_acq_rel);
  if (rows.empty() && !asked) return 0;
  if (asked || !fd_.valid() || was_moved()) {
    fd_.reset();
    if (auto opened = open(); !opened) {
      failed(opened.error());
      return 0;
    }
  }
  if (rows.empty()) return 0;
  size_t done = 0;
  while (done < rows.size()) {
    const bool paced = options_.rate_max_per_s > 0;
    if (paced && !thread_.wait_turn(bucket_)) break;
    auto written = append(rows.subspan(done, paced ? 1 : rows.size() - done));
    if (!written) failed(written.error());
    if (!written || *written == 0) break;
    done += *written;
    delivered_.add(*written);
  }
  if (done == rows.size() && std::exchange(failing_, false)) log::info("{} takes alerts again", options_.path);
  return done;
}

}  // namespace

std::unique_ptr<FileSink> make_file_sink(Spool& spool, FileSinkOptions options, Metrics& metrics) {
  return std::make_unique<FileSinkImpl>(spool, std::move(options), metrics);
}

}  // namespace tiercel::siem
