#include "agent/sensor/recording.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/base/log.h"

namespace tiercel::sensor {
namespace {

constexpr std::string_view kMagic = "TIERCEL1";
constexpr size_t kFlushBytes = 1u << 20;
constexpr size_t kHeaderBytes = kMagic.size() + 2 * sizeof(uint64_t);

// FNV-1a over everything that decides a record's layout: another schema is another number.
constexpr uint64_t hash(uint64_t seed, std::string_view text) {
  for (char c : text) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return seed;
}

uint64_t schema_digest() {
  uint64_t digest = 0xcbf29ce484222325ull;
#define RECORD_BEGIN(record, doc) digest = hash(digest, "record " #record);
#define FIELD(record, ctype, name, kind, doc) digest = hash(digest, #ctype " " #name);
#define ARRAY(record, ctype, name, count, kind, doc) digest = hash(digest, #ctype " " #name "[" #count "]");
#define TEXT(record, name, kind, doc) digest = hash(digest, "text " #name);
#define EVENT(name, record, ring, category, flags, hook, params) digest = hash(digest, "event " #name " " #record);
#include "bpf/schema/events.def"
  return digest ^ sizeof(ev_head);
}

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

class ReplaySource final : public Source {
 public:
  ReplaySource(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {
    struct stat facts {};
    progress_.read_bytes = kHeaderBytes;
    if (::fstat(fd_.get(), &facts) == 0) progress_.of_bytes = static_cast<uint64_t>(facts.st_size);
  }

  Result<> start(const RecordHandler&) override { return {}; }

  size_t drain(const RecordHandler& handler, size_t most) override {
    size_t handled = 0;
    while (handled < most && next()) {
      handler({reinterpret_cast<const std::byte*>(words_.data()), size_});
      ++handled;
    }
    return handled;
  }
  [[nodiscard]] std::vector<int> wait_fds() const override { return {}; }
  [[nodiscard]] bool finished() const override { return finished_; }
  [[nodiscard]] Progress progress() const override { return progress_; }

 private:
  bool next() {
    uint32_t size = 0;
    if (finished_ || !read_exactly(&size, sizeof size)) return end();
    if (size > TIERCEL_RECORD_MAX) {
      log_cut(fmt::format("a record of {} bytes", size));
      return end();
    }
    size_ = size;
    words_.resize((size + 7) / 8);
    if (!read_exactly(words_.data(), size)) {
      log_cut("the end of the file within a record");
      return end();
    }
    return true;
  }
  bool end() {
    finished_ = true;
    return false;
  }
  void log_cut(const std::string& what) const;
  bool read_exactly(void* to, size_t size);

  Fd fd_;
  std::string path_;
  std::vector<uint64_t> words_;
  std::string buffer_;
  size_t at_ = 0;
  size_t size_ = 0;
  bool finished_ = false;
  Progress progress_;
};

void ReplaySource::log_cut(const std::string& what) const {
  log::warning("{}: the recording ends early: {}; what came before it was replayed", path_, what);
}

bool ReplaySource::read_exactly(void* to, size_t size) {
  while (buffer_.size() - at_ < size) {
    buffer_.erase(0, at_);
    at_ = 0;
    const size_t have = buffer_.size();
    buffer_.resize(have + kFlushBytes);
    ssize_t n;
    do n = ::read(fd_.get(), buffer_.data() + have, kFlushBytes);
    while (n < 0 && errno == EINTR);
    buffer_.resize(have + (n > 0 ? static_cast<size_t>(n) : 0));
    if (n <= 0) return false;
    progress_.read_bytes += static_cast<uint64_t>(n);
  }
  std::memcpy(to, buffer_.data() + at_, size);
  at_ += size;
  return true;
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::create(const std::string& path, uint64_t realtime_offset_ns) {
  auto recorder = std::make_unique<Recorder>();
  recorder->fd_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!recorder->fd_.valid()) return fail_errno("cannot create " + path, errno, Fault::kUser);
  recorder->path_ = path;
  recorder->buffer_ = kMagic;
  put(recorder->buffer_, schema_digest());
  put(recorder->buffer_, realtime_offset_ns);
  recorder->size_bytes_ = recorder->buffer_.size();
  return recorder;
}

void Recorder::write(std::span<const std::byte> record) {
  const size_t before = buffer_.size();
  put(buffer_, static_cast<uint32_t>(record.size()));
  buffer_.append(reinterpret_cast<const char*>(record.data()), record.size());
  ++records_;
  size_bytes_ += buffer_.size() - before;
  if (buffer_.size() >= kFlushBytes) flush();
}

void Recorder::flush() {
  if (status_) {
    status_ = write_all(fd_.get(), buffer_.data(), buffer_.size());
    if (!status_) status_ = fail(path_ + ": " + status_.error().message + "; the recording is cut there");
  }
  buffer_.clear();
}

Result<> Recorder::finish() {
  flush();
  return status_;
}

Result<Replay> open_recording(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return fail_errno("cannot open " + path, errno, Fault::kUser);
  char magic[8];
  uint64_t digest = 0;
  Replay replay;
  if (::read(fd.get(), magic, sizeof magic) != sizeof magic || std::string_view(magic, sizeof magic) != kMagic)
    return fail(path + " is not a recording of `tiercel record`", Fault::kUser);
  if (::read(fd.get(), &digest, sizeof digest) != sizeof digest || digest != schema_digest())
    return fail(path + " was recorded by a tiercel with another event table: replay it with that version",
                Fault::kUser);
  if (::read(fd.get(), &replay.realtime_offset_ns, sizeof replay.realtime_offset_ns) !=
      sizeof replay.realtime_offset_ns)
    return fail(path + " ends within its header", Fault::kUser);
  replay.source = std::make_unique<ReplaySource>(std::move(fd), path);
  return replay;
}

}  // namespace tiercel::sensor
