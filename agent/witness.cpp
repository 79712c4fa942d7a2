#include "agent/witness.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include "agent/base/broker.h"
#include "agent/base/log.h"
#include "agent/witness_contact.h"

namespace tiercel::witness {
namespace {

constexpr const char* kGoneRule = "Tiercel internal: witness gone";
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kSilentNs = 20 * kSecondNs;
constexpr uint64_t kAgainNs = 10 * kSecondNs;  // between attempts to have another

struct Link {
  Page* page = nullptr;
  Fd page_fd, self;
  // Under the mutex.
  std::mutex mutex;
  Fd socket, end, line;  // end: the witness's pidfd
  pid_t pid = 0;
  Fd contact_fd;
  std::string contact;
  // Deciding thread.
  uint64_t looks = 0, looked_ns = 0, next_try_ns = 0;
  bool told = false;
} link;

bool make_page() {
  link.page_fd.reset(static_cast<int>(::syscall(SYS_memfd_create, "tiercel-witness", 1U /* MFD_CLOEXEC */)));
  if (!link.page_fd.valid() || ::ftruncate(link.page_fd.get(), sizeof(Page)) != 0) return false;
  void* mapped = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, link.page_fd.get(), 0);
  if (mapped == MAP_FAILED) return false;
  link.page = new (mapped) Page;
  link.page->agent_pid = ::getpid();
  link.self.reset(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  return link.self.valid();
}

// Under the mutex. One that finds the socket full has stopped reading: look() will find it silent.
void send_contact() {
  if (!link.socket.valid() || link.contact.empty()) return;
  send_contact_to(link.socket.get(), link.contact, link.contact_fd.get());
}

// Where it says what no output takes. Not into a pipe: whoever reads that waits for its end, which is the agent's.
Fd log_of_witness() {
  struct stat log {};
  if (::fstat(STDERR_FILENO, &log) != 0 || S_ISFIFO(log.st_mode)) return Fd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  return Fd(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
}

Result<> make_one() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail_errno("cannot make a socket", errno);
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  const Fd log = log_of_witness();
  const std::array<int, 4> fds{theirs.get(), link.page_fd.get(), link.self.get(), log.get()};
  auto started = broker::start_helper(fds);
  if (!started) return tl::unexpected(started.error());
  const std::lock_guard lock(link.mutex);
  link.socket = std::move(ours);
  link.end = std::move(started->spawned.pidfd);
  link.line = std::move(started->line);
  link.pid = started->spawned.pid;
  send_contact();
  return {};
}

bool has_ended() {
  pollfd one{link.end.get(), POLLIN, 0};
  return !link.end.valid() || (::poll(&one, 1, 0) > 0 && one.revents != 0);
}

void drop_it() {
  if (link.end.valid()) (void)::syscall(SYS_pidfd_send_signal, link.end.get(), SIGKILL, nullptr, 0);
  const std::lock_guard lock(link.mutex);
  link.socket.reset();
  link.end.reset();
  link.line.reset();
  link.pid = 0;
}

}  // namespace

Result<> start() {
  if (!make_page()) return fail_errno("cannot make what the agent and its witness share", errno);
  return make_one();
}

void tick(const Clock& clock) {
  if (link.page == nullptr) return;
  link.page->ticked_realtime_ns = clock.realtime_ns();
  link.page->ticks.fetch_add(1);
}

std::optional<alert::Report> look(const Clock& clock) {
  if (link.page == nullptr) return std::nullopt;
  const uint64_t now_ns = clock.monotonic_ns();
  // Time in which the agent itself did not run does not count.
  if (const uint64_t looks = link.page->looks; looks != link.looks || now_ns - link.looked_ns > kSilentNs + kAgainNs) {
    link.looks = looks;
    link.looked_ns = now_ns;
  }
  const pid_t pid = link.pid;
  const bool ended = has_ended(), silent = now_ns - link.looked_ns > kSilentNs;
  if (!ended && !silent) {
    link.told = false;
    return std::nullopt;
  }
  if (now_ns < link.next_try_ns) return std::nullopt;
  link.next_try_ns = now_ns + kAgainNs;
  drop_it();
  link.looked_ns = now_ns;
  const auto made = make_one();
  const bool again = !made && std::exchange(link.told, true);
  if (again) return std::nullopt;
  const std::string how = silent ? "silent" : "ended";
  return alert::Report{Priority::kCritical,
                       kGoneRule,
                       fmt::format("the agent's witness (pid {}) {}, which somebody else must have brought about: {}",
                                   pid, silent ? "gave no sign of life" : "has ended",
                                   made ? fmt::format("another one watches (pid {})", link.pid)
                                        : "there is no other: " + made.error().message),
                       {{"how", how}, {"pid", int64_t{pid}}, {"new_pid", int64_t{link.pid}}}};
}

char take_state_seen() {
  return link.page == nullptr ? '\0' : static_cast<char>(link.page->state_seen.exchange(0));
}

void note(const wazuh::Contact& contact) {
  const std::lock_guard lock(link.mutex);
  if (link.page == nullptr) return;
  link.contact = packed(contact);
  link.contact_fd.reset(contact.fd < 0 ? -1 : ::fcntl(contact.fd, F_DUPFD_CLOEXEC, 0));
  send_contact();
}

void end() {
  if (link.page == nullptr) return;
  link.page->ended = 1;
  {
    const std::lock_guard lock(link.mutex);
    link.socket.reset();
  }
  pollfd one{link.end.get(), POLLIN, 0};
  constexpr int kEndMs = 1'000;
  if (link.end.valid()) ::poll(&one, 1, kEndMs);
}

pid_t pid() {
  const std::lock_guard lock(link.mutex);
  return link.pid;
}

}  // namespace tiercel::witness
