#include "agent/lifeline.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "agent/base/fd.h"
#include "agent/base/time_text.h"

namespace tiercel {

struct Lifeline::Page {
  static constexpr uint64_t kMagic = 0x316e696c6c637274;  // of this layout
  uint64_t magic;
  std::array<char, 40> boot_id;  // which boot the second clock belongs to
  std::atomic<uint64_t> realtime_ns, boottime_ns;
  std::atomic<uint64_t> ended;  // 1: in good order
};

namespace {

constexpr mode_t kMode = 0640;

std::array<char, 40> boot_id() {
  std::array<char, 40> id{};
  if (const auto text = read_pseudo_file("/proc/sys/kernel/random/boot_id", 64))
    std::memcpy(id.data(), text->data(), std::min(text->size(), id.size() - 1));
  return id;
}

std::string_view name_of(Lifeline::Gap::How how) {
  switch (how) {
    case Lifeline::Gap::How::kStopped:
      return "stopped";
    case Lifeline::Gap::How::kRebooted:
      return "rebooted";
    case Lifeline::Gap::How::kKilled:
      break;
  }
  return "killed";
}

}  // namespace

Lifeline::~Lifeline() {
  if (page_ != nullptr) ::munmap(page_, sizeof(Page));
}

Result<> Lifeline::open(const std::string& path, const Clock& clock) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kMode));
  if (!fd.valid()) return fail_errno("cannot open " + path, errno);
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return fail(path + " is no regular file: remove it");
  // Room for it now: a page without a block would be a SIGBUS on a full disk.
  if (const int error = ::posix_fallocate(fd.get(), 0, sizeof(Page)); error != 0)
    return fail_errno("cannot make room for " + path, error);
  void* mapped = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (mapped == MAP_FAILED) return fail_errno("cannot map " + path, errno);
  page_ = static_cast<Page*>(mapped);
  const auto boot = boot_id();
  const uint64_t now_ns = clock.realtime_ns(), boottime_ns = clock.boottime_ns();
  if (page_->magic == Page::kMagic) {
    Gap gap{page_->realtime_ns, now_ns, page_->ended == 1 ? Gap::How::kStopped : Gap::How::kKilled};
    if (page_->boot_id == boot && page_->boottime_ns <= boottime_ns)
      gap.from_ns = now_ns - (boottime_ns - page_->boottime_ns);  // whatever was done to the clock meanwhile
    else if (gap.how == Gap::How::kKilled)
      gap.how = Gap::How::kRebooted;
    if (gap.from_ns > now_ns) gap.from_ns = now_ns;
    gap_ = gap;
  }
  page_->magic = 0;  // in case of an end between these lines
  page_->boot_id = boot;
  page_->ended = 0;
  touch(clock);
  page_->magic = Page::kMagic;
  return {};
}

std::optional<uint64_t> Lifeline::last_touch(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  std::array<unsigned char, sizeof(Page)> bytes{};
  if (!fd.valid() || ::pread(fd.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return std::nullopt;
  uint64_t boottime_ns = 0;
  std::memcpy(&boottime_ns, bytes.data() + offsetof(Page, boottime_ns), sizeof boottime_ns);
  return boottime_ns;
}

void Lifeline::touch(const Clock& clock) {
  if (page_ == nullptr) return;
  page_->realtime_ns = clock.realtime_ns();
  page_->boottime_ns = clock.boottime_ns();
}

void Lifeline::end(const Clock& clock) {
  touch(clock);
  if (page_ != nullptr) page_->ended = 1;
}

std::optional<alert::Report> Lifeline::gap_report() const {
  if (!gap_) return std::nullopt;
  const uint64_t gap_ms = (gap_->to_ns - gap_->from_ns) / 1'000'000;
  const std::string from = iso8601_z(gap_->from_ns), to = iso8601_z(gap_->to_ns);
  const std::string how(name_of(gap_->how));
  const auto priority = gap_->how == Gap::How::kStopped ? Priority::kNotice : Priority::kWarning;
  return alert::Report{
      priority,
      "Tiercel internal: gap",
      fmt::format(
          "this host was without tiercel for {}.{:03} s, from {} to {} (the agent was {}): what happened then was "
          "not seen",
          gap_ms / 1000, gap_ms % 1000, from, to, how),
      {{"from", from}, {"to", to}, {"gap_ms", gap_ms}, {"how", how}}};
}

}  // namespace tiercel
