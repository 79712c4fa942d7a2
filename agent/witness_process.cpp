#include "agent/witness_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "agent/alert/make.h"
#include "agent/app_options.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/hardening/hardening.h"
#include "agent/lifeline.h"
#include "agent/outputs.h"
#include "agent/vigil.h"
#include "agent/witness.h"
#include "agent/witness_contact.h"
#include "siem/spool.h"

namespace tiercel::witness {
namespace {

constexpr const char* kName = "tiercel-witness";
constexpr int kLookMs = 1'000;
constexpr unsigned kFileMode = 0640;
constexpr uint64_t kSecondNs = 1'000'000'000;
// An agent that lives again tells of the time itself; a telling that is under way is given that long.
constexpr uint64_t kGraceNs = 5 * kSecondNs;
constexpr uint64_t kPatienceNs = 600 * kSecondNs;

char state_of(int32_t pid) {
  const auto stat = read_pseudo_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat) return '?';
  const size_t end = stat->rfind(')');  // a name may hold anything
  return end == std::string::npos || end + 2 >= stat->size() ? '?' : (*stat)[end + 2];
}

class Process {
 public:
  Process(const RunOptions& options, std::vector<Fd> fds)
      : options_(options), config_(options.config), socket_(std::move(fds[0])), agent_(std::move(fds[2])) {
    std::erase_if(config_.outputs, [](const config::Output& output) {
      return std::holds_alternative<config::StdoutOutput>(output.to) ||
             std::holds_alternative<config::ProgramOutput>(output.to);
    });
    config_.wazuh.password_file.clear();
    void* mapped = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fds[1].get(), 0);
    if (mapped != MAP_FAILED) page_ = static_cast<Page*>(mapped);
    ::dup2(fds[3].get(), STDERR_FILENO);
  }

  void prepare();
  void watch();

 private:
  [[nodiscard]] bool gone() const;
  [[nodiscard]] std::optional<int> status_of_end() const;
  [[nodiscard]] bool gone_soon() const;
  void listen();
  void tell(Vigil::How how);
  void take_over_connection();
  [[nodiscard]] bool deliver(const alert::Report& report, bool agent_is_gone);
  [[nodiscard]] bool somebody_else_tells(bool agent_is_gone) const;
  [[nodiscard]] std::string lifeline() const { return config_.state_dir + "/lifeline"; }

  const RunOptions& options_;
  config::Config config_;
  const SystemClock clock_;
  Page* page_ = nullptr;
  Fd socket_, agent_;
  std::optional<wazuh::Contact> contact_;
  Fd connection_;
  Vigil vigil_;
  uint64_t lifeline_ns_ = 0;
  uint64_t ticks_told_ = 0;
};

// The broker may have entered other mounts than the agent's; what the outputs write to is where the agent sees it.
void Process::prepare() {
  ::prctl(PR_SET_NAME, kName);
  if (page_ == nullptr) return;
  const std::string agent = "/proc/" + std::to_string(page_->agent_pid);
  struct stat ours {
  }, theirs{};
  const bool others = ::stat("/proc/self/ns/mnt", &ours) == 0 && ::stat((agent + "/ns/mnt").c_str(), &theirs) == 0 &&
                      ours.st_ino != theirs.st_ino;
  if (others) {
    const Fd mounts(::open((agent + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
    if (!mounts.valid() || ::setns(mounts.get(), CLONE_NEWNS) != 0 || ::chdir((agent + "/cwd").c_str()) != 0)
      log::debug("witness: it sees the files as the broker does");
  }
  const config::Hardening& wanted = config_.hardening;
  if (auto given_up = hardening::give_up_all({wanted.seccomp, wanted.capabilities}); !given_up)
    log::warning("witness: {}; it runs on without", given_up.error().message);
}

bool Process::gone() const {
  pollfd one{agent_.get(), POLLIN, 0};
  return ::poll(&one, 1, 0) > 0 && one.revents != 0;
}

// The kernel closes an agent's sockets before it says that it has ended.
bool Process::gone_soon() const {
  pollfd one{agent_.get(), POLLIN, 0};
  return ::poll(&one, 1, kLookMs) > 0 && page_->ended == 0;
}

// By PIDFD_GET_INFO, since Linux 6.15; its parent has to wait for it first, and is given a moment for that.
std::optional<int> Process::status_of_end() const {
  constexpr uint64_t kExit = 1U << 3;
  constexpr unsigned long kGetInfo = 0xc040ff0b;
  for (int attempt = 0; attempt < 10; ++attempt) {
    alignas(8) std::array<unsigned char, 64> room{};
    std::memcpy(room.data(), &kExit, sizeof kExit);
    if (::ioctl(agent_.get(), kGetInfo, room.data()) == 0) {
      uint64_t mask = 0;
      int32_t status = 0;
      std::memcpy(&mask, room.data(), sizeof mask);
      std::memcpy(&status, room.data() + room.size() - sizeof status, sizeof status);
      if ((mask & kExit) != 0) return status;
    } else if (errno != ESRCH) {
      return std::nullopt;  // this kernel does not tell
    }
    ::poll(nullptr, 0, 50);
  }
  return std::nullopt;
}

void Process::listen() {
  for (;;) {
    Heard heard = hear_contact(socket_.get());
    if (heard.end) socket_.reset();
    if (!heard.contact) return;
    contact_ = std::move(heard.contact);
    connection_ = std::move(heard.fd);
  }
}

// A manager takes one connection of an agent: ours only when the agent's is over.
void Process::take_over_connection() {
  if (connection_.valid()) ::shutdown(connection_.get(), SHUT_RDWR);
  connection_.reset();
}

bool Process::somebody_else_tells(bool agent_is_gone) const {
  if (!agent_is_gone) return page_->ticks != ticks_told_ || gone();
  const auto touched = Lifeline::last_touch(lifeline());
  return !touched || *touched > lifeline_ns_;
}

bool Process::deliver(const alert::Report& report, bool agent_is_gone) {
  Metrics metrics;
  alert::Reports reports(metrics);
  const auto spool = siem::make_spool({}, metrics, clock_, reports);
  OutputOptions how;
  how.manager = options_.outputs.manager;
  how.witness = true;
  how.contact = contact_ ? &*contact_ : nullptr;
  Outputs outputs(config_, how, *spool, metrics, clock_, reports);
  if (auto started = outputs.start(); !started) {
    log::error("witness: {}", started.error().message);
    return false;
  }
  if (spool->waiting().empty()) return false;  // there is no output that it may use
  alert::AlertMaker maker(make_options(config_));
  spool->append(maker.make_internal(report));
  const uint64_t begun_ns = clock_.monotonic_ns();
  while (spool->counts().waiting > 0) {
    const uint64_t tried_ns = clock_.monotonic_ns() - begun_ns;
    if (tried_ns > kPatienceNs || (tried_ns > kGraceNs && somebody_else_tells(agent_is_gone))) break;
    ::poll(nullptr, 0, 50);
  }
  const bool all = spool->counts().waiting == 0;
  outputs.stop(kLookMs);
  return all;
}

void Process::tell(Vigil::How how) {
  const bool is_gone = how == Vigil::How::kGone;
  lifeline_ns_ = Lifeline::last_touch(lifeline()).value_or(0);
  ticks_told_ = page_->ticks;
  if (how == Vigil::How::kStopped) page_->state_seen = 'T';
  if (how == Vigil::How::kTraced) page_->state_seen = 't';
  const alert::Report report = departure_report({how, is_gone ? status_of_end() : std::nullopt, page_->agent_pid,
                                                 page_->ticked_realtime_ns, clock_.realtime_ns()});
  log::error("witness: {}", report.message);
  take_over_connection();
  const std::string busy = busy_file(config_.state_dir);
  const bool kept = write_file_atomically(busy, kept_text(report), kFileMode).has_value();
  if (deliver(report, is_gone)) {
    if (kept) ::unlink(busy.c_str());
    return;
  }
  log::warning("witness: not all outputs took that; {}", kept ? "it is left for the next agent" : "it is lost");
  if (kept) ::rename(busy.c_str(), left_file(config_.state_dir).c_str());
}

void Process::watch() {
  if (page_ == nullptr) return;
  for (;;) {
    std::array<pollfd, 2> fds{{{agent_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), kLookMs);
    page_->looks.fetch_add(1);
    if (socket_.valid()) listen();
    if (page_->ended != 0) return;
    const bool ended = gone();
    const uint64_t ticks = page_->ticks;
    if (ended && ticks == 0) return;                         // it never watched: whoever started it sees its status
    if (!socket_.valid() && !ended && !gone_soon()) return;  // the agent has another witness
    const Vigil::Sign sign{clock_.monotonic_ns(), ticks, ended, ended ? '-' : state_of(page_->agent_pid)};
    if (const auto how = vigil_.look(sign)) tell(*how);
    if (ended) return;
  }
}

}  // namespace

std::string left_file(const std::string& state_dir) {
  return state_dir + "/witness.left";
}

std::string busy_file(const std::string& state_dir) {
  return state_dir + "/witness.busy";
}

void run_process(const RunOptions& options, std::vector<Fd> fds) {
  constexpr size_t kFds = 4;
  if (fds.size() != kFds) return;
  auto process = std::make_unique<Process>(options, std::move(fds));
  process->prepare();
  process->watch();
}

}  // namespace tiercel::witness
