#include "agent/base/broker.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>

#include "agent/base/canary_calls.h"
#include "agent/base/kprobe.h"
#include "agent/base/tracepoint.h"

namespace tiercel::broker {
namespace {

constexpr const char* kName = "tiercel-broker";
constexpr size_t kRequestBytesMax = 128 * 1024;
constexpr size_t kFdsMax = 4;
constexpr int kNobodyThere = EPIPE;

std::atomic<int> socket_fd{-1};
std::atomic<pid_t> broker_pid{0};
std::mutex one_at_a_time;

// A request's first byte; behind it what broker::packed() makes, a tracepoint's id (long), a function's name, nothing,
// or a name, a NUL and a byte for each canary.
enum class Kind : uint8_t { kProgram = 1, kTracepoint = 2, kKprobe = 3, kHelper = 4, kCanaries = 5 };

struct Reply {
  int32_t failure = 0;  // errno
  int32_t pid = 0;
};

struct Message {
  std::vector<std::byte> bytes;
  std::vector<Fd> fds;
};

bool send_message(int to, const void* bytes, size_t size, std::span<const int> fds) {
  iovec part{const_cast<void*>(bytes), size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFdsMax * sizeof(int))> room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = room.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(head), fds.data(), fds.size_bytes());
  }
  ssize_t sent = 0;
  while ((sent = ::sendmsg(to, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) continue;
  return sent == static_cast<ssize_t>(size);
}

// Nothing: the other side has ended.
std::optional<Message> receive_message(int from, size_t size_max) {
  Message out;
  out.bytes.resize(size_max);
  iovec part{out.bytes.data(), out.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFdsMax * sizeof(int))> room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  ssize_t got = 0;
  while ((got = ::recvmsg(from, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) continue;
  if (got <= 0) return std::nullopt;
  out.bytes.resize(static_cast<size_t>(got));
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    std::array<int, kFdsMax> fds{};
    const size_t size = std::min(head->cmsg_len - CMSG_LEN(0), sizeof fds);
    std::memcpy(fds.data(), CMSG_DATA(head), size);
    for (size_t i = 0; i < size / sizeof(int); ++i) out.fds.emplace_back(fds[i]);
  }
  return out;
}

// --- The broker's side ----------------------------------------------------------------------------------------------

struct Ward {
  Spawned spawned;
  Fd line;  // closed by the agent: it wants to know no more
  bool told = false;
};

void tell_end(Ward& ward) {
  siginfo_t info{};
  // Not reaped yet: its pid stays its own for as long as the agent may send it a signal.
  if (::waitid(P_PIDFD, static_cast<id_t>(ward.spawned.pidfd.get()), &info, WEXITED | WNOWAIT) != 0) return;
  const int32_t status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  ward.told = true;
  (void)::send(ward.line.get(), &status, sizeof status, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Reply start_program(Message& request, std::vector<Ward>& wards, Fd& theirs) {
  auto launch = unpacked(std::span(request.bytes).subspan(sizeof(Kind)));
  const size_t wanted = launch && launch->network >= 0 ? 4 : 3;
  if (!launch || request.fds.size() != wanted) return {EINVAL, 0};
  if (wanted == 4) launch->network = request.fds[3].get();
  std::array<int, 2> line{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line.data()) != 0) return {errno, 0};
  theirs.reset(line[0]);
  Ward ward;
  ward.line.reset(line[1]);
  const Stdio stdio{request.fds[0].get(), request.fds[1].get(), request.fds[2].get()};
  if (const int failure = tiercel::spawn(*launch, stdio, ward.spawned); failure != 0) return {failure, 0};
  wards.push_back(std::move(ward));
  return {0, wards.back().spawned.pid};
}

[[noreturn]] void become_helper(std::vector<Fd> fds, const Helper& helper) {
  ::setsid();
  // All others are the broker's: its socket above all, whose other end the agent waits on.
  constexpr int kFirst = STDERR_FILENO + 1;
  std::vector<Fd> high, low;
  for (Fd& fd : fds) high.emplace_back(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 1000));
  for (size_t i = 0; i < high.size(); ++i) {
    const int at = kFirst + static_cast<int>(i);
    if (!high[i].valid() || ::dup3(high[i].get(), at, O_CLOEXEC) < 0) ::_exit(1);
    low.emplace_back(at);
  }
  for (Fd& fd : fds) (void)fd.release();  // its number is another's by now
  for (Fd& fd : high) fd.reset();
  ::close_range(static_cast<unsigned>(kFirst) + static_cast<unsigned>(low.size()), ~0U, 0);
  helper(std::move(low));
  ::_exit(0);
}

Reply start_copy(Message& request, const Helper& helper, std::vector<Ward>& wards, Fd& theirs) {
  std::array<int, 2> line{-1, -1};
  if (!helper) return {ENOSYS, 0};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line.data()) != 0) return {errno, 0};
  theirs.reset(line[0]);
  Ward ward;
  ward.line.reset(line[1]);
  const pid_t child = ::fork();
  if (child < 0) return {errno, 0};
  if (child == 0) become_helper(std::move(request.fds), helper);
  ward.spawned.pid = child;
  ward.spawned.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const int failure = errno;
  if (!ward.spawned.pidfd.valid()) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return {failure, 0};
  }
  wards.push_back(std::move(ward));
  return {0, child};
}

bool give(int socket, const Fd& fd) {
  const Reply reply{fd.valid() ? 0 : errno, 0};
  const int raw = fd.get();
  return send_message(socket, &reply, sizeof reply, {&raw, fd.valid() ? 1u : 0u});
}

bool give_kprobe(int socket, std::span<const std::byte> bytes) {
  constexpr size_t kNameMax = 127;  // KSYM_NAME_LEN, before 6.1
  const Reply refusal{EINVAL, 0};
  if (bytes.empty() || bytes.size() > kNameMax) return send_message(socket, &refusal, sizeof refusal, {});
  return give(socket, tiercel::open_kprobe(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
}

bool give_tracepoint(int socket, std::span<const std::byte> bytes) {
  long id = 0;
  const Reply refusal{EINVAL, 0};
  if (bytes.size() != sizeof id) return send_message(socket, &refusal, sizeof refusal, {});
  std::memcpy(&id, bytes.data(), sizeof id);
  return give(socket, tiercel::open_tracepoint(id));
}

bool try_canaries(int socket, std::span<const std::byte> bytes) {
  Reply reply{EINVAL, 0};
  const auto name_ends = std::find(bytes.begin(), bytes.end(), std::byte{0});
  if (name_ends != bytes.end()) {
    const std::string name(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(name_ends - bytes.begin()));
    const auto calls = bytes.subspan(name.size() + 1);
    const auto pid = tiercel::start_canaries(name, {reinterpret_cast<const uint8_t*>(calls.data()), calls.size()});
    if (pid) reply = {0, *pid};
  }
  return send_message(socket, &reply, sizeof reply, {});
}

bool take_request(int socket, const Helper& helper, std::vector<Ward>& wards) {
  auto request = receive_message(socket, kRequestBytesMax);
  if (!request) return false;
  if (static_cast<Kind>(request->bytes.front()) == Kind::kTracepoint)
    return give_tracepoint(socket, std::span(request->bytes).subspan(sizeof(Kind)));
  if (static_cast<Kind>(request->bytes.front()) == Kind::kKprobe)
    return give_kprobe(socket, std::span(request->bytes).subspan(sizeof(Kind)));
  if (static_cast<Kind>(request->bytes.front()) == Kind::kCanaries)
    return try_canaries(socket, std::span(request->bytes).subspan(sizeof(Kind)));
  Fd line;
  const bool copy = static_cast<Kind>(request->bytes.front()) == Kind::kHelper;
  const Reply reply = copy ? start_copy(*request, helper, wards, line) : start_program(*request, wards, line);
  if (reply.failure != 0) return send_message(socket, &reply, sizeof reply, {});
  const std::array<int, 2> fds{wards.back().spawned.pidfd.get(), line.get()};
  return send_message(socket, &reply, sizeof reply, fds);
}

void look_at_wards(std::vector<Ward>& wards, std::span<const pollfd> polled) {
  for (size_t i = 0; i < wards.size(); ++i) {
    if (polled[2 * i].revents != 0) tell_end(wards[i]);
    if (polled[2 * i + 1].revents != 0) wards[i].line.reset();
  }
  std::erase_if(wards, [](const Ward& ward) {
    if (!ward.told || ward.line.valid()) return false;
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(ward.spawned.pidfd.get()), &info, WEXITED);
    return true;
  });
}

[[noreturn]] void serve(int socket, const Helper& helper) {
  std::vector<Ward> wards;
  for (bool more = true; more;) {
    std::vector<pollfd> fds;
    for (const Ward& ward : wards) {
      fds.push_back({ward.told ? -1 : ward.spawned.pidfd.get(), POLLIN, 0});
      fds.push_back({ward.line.get(), 0, 0});  // POLLHUP
    }
    fds.push_back({socket, POLLIN, 0});
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;
    look_at_wards(wards, fds);
    if (fds.back().revents != 0) more = take_request(socket, helper, wards);
  }
  ::_exit(0);
}

// Of the agent it has nothing but the socket: no descriptor, no signal.
int become_broker(int& socket, const std::string& mounts) {
  ::prctl(PR_SET_NAME, kName);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // it has a copy of the configuration; programs that it starts are as they were
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) ::dup2(null, fd);
  constexpr int kSocket = STDERR_FILENO + 1;
  if (socket != kSocket) ::dup3(socket, kSocket, O_CLOEXEC);
  socket = kSocket;
  ::close_range(kSocket + 1, ~0U, 0);
  if (mounts.empty()) return 0;
  const Fd there(::open(mounts.c_str(), O_RDONLY | O_CLOEXEC));
  if (!there.valid() || ::setns(there.get(), CLONE_NEWNS) != 0 || ::chdir("/") != 0) return errno;
  return 0;
}

}  // namespace

// --- The agent's side -----------------------------------------------------------------------------------------------

Result<> start(const std::string& mounts, const Helper& helper) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail_errno("cannot make a socket", errno);
  Fd ours(ends[0]), theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail_errno("cannot start the process that starts programs", errno);
  if (child == 0) {
    int socket = theirs.release();
    const Reply hello{become_broker(socket, mounts), 0};
    if (!send_message(socket, &hello, sizeof hello, {}) || hello.failure != 0) ::_exit(1);
    serve(socket, helper);
  }
  theirs.reset();
  const auto hello = receive_message(ours.get(), sizeof(Reply));
  Reply reply{kNobodyThere, 0};
  if (hello && hello->bytes.size() == sizeof reply) std::memcpy(&reply, hello->bytes.data(), sizeof reply);
  if (reply.failure != 0) {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
    return fail_errno("the process that starts programs cannot enter " + mounts, reply.failure);
  }
  broker_pid = child;
  socket_fd = ours.release();  // for as long as we live
  return {};
}

void end() {
  if (socket_fd < 0) return;
  ::shutdown(socket_fd, SHUT_RDWR);
  // A second: it may be busy with the start of a program.
  for (int n = 0; n < 200 && ::waitpid(broker_pid, nullptr, WNOHANG) == 0; ++n) ::poll(nullptr, 0, 5);
}

bool runs() {
  return socket_fd >= 0;
}

pid_t pid() {
  return broker_pid;
}

namespace {

struct Answer {
  Reply reply;
  std::vector<Fd> fds;
};

// Nothing: the broker has ended.
std::optional<Answer> ask(Kind kind, std::string_view body, std::span<const int> fds) {
  std::string request(1, static_cast<char>(kind));
  request += body;
  std::optional<Message> got;
  {
    const std::lock_guard lock(one_at_a_time);
    if (send_message(socket_fd, request.data(), request.size(), fds)) got = receive_message(socket_fd, sizeof(Reply));
  }
  if (!got || got->bytes.size() != sizeof(Reply)) return std::nullopt;
  Answer answer;
  std::memcpy(&answer.reply, got->bytes.data(), sizeof answer.reply);
  answer.fds = std::move(got->fds);
  return answer;
}

tl::unexpected<Error> ended(const std::string& what) {
  return fail(what + ": " + kName + " (the process that starts programs) has ended: restart the agent");
}

Result<Started> started_by(std::optional<Answer> answer, const std::string& what) {
  if (!answer) return ended(what);
  if (answer->reply.failure != 0) return fail_errno(what, answer->reply.failure);
  if (answer->fds.size() != 2) return fail(what + ": no descriptors are left");
  Started started;
  started.spawned.pid = answer->reply.pid;
  started.spawned.pidfd = std::move(answer->fds[0]);
  started.line = std::move(answer->fds[1]);
  return started;
}

}  // namespace

Result<Started> spawn(const Launch& launch, const Stdio& stdio) {
  const std::string what = "cannot run " + launch.file;
  const std::string body = packed(launch);
  if (body.size() >= kRequestBytesMax) return fail(what + ": its arguments are too long");
  const std::array<int, kFdsMax> fds{stdio.input, stdio.output, stdio.error, launch.network};
  return started_by(ask(Kind::kProgram, body, {fds.data(), launch.network >= 0 ? 4u : 3u}), what);
}

Result<Started> start_helper(std::span<const int> fds) {
  const std::string what = "cannot start a process of the agent's own";
  if (fds.size() > kFdsMax) return fail(what + ": too many descriptors");
  return started_by(ask(Kind::kHelper, {}, fds), what);
}

namespace {

Result<Fd> given(std::optional<Answer> answer) {
  if (!answer) return ended("perf_event_open");
  if (answer->reply.failure != 0) return fail_errno("perf_event_open", answer->reply.failure);
  if (answer->fds.size() != 1) return fail("perf_event_open: no descriptors are left");
  return std::move(answer->fds[0]);
}

}  // namespace

Result<Fd> open_kprobe(const std::string& function) {
  return given(ask(Kind::kKprobe, function, {}));
}

Result<Fd> open_tracepoint(long id) {
  return given(ask(Kind::kTracepoint, {reinterpret_cast<const char*>(&id), sizeof id}, {}));
}

Result<pid_t> start_canaries(const std::string& name, std::span<const uint8_t> calls) {
  std::string body = name;
  body.push_back('\0');
  body.append(calls.begin(), calls.end());
  auto answer = ask(Kind::kCanaries, body, {});
  if (!answer) return ended("self-test");
  if (answer->reply.failure != 0) return fail_errno("cannot start the child of the self-test", answer->reply.failure);
  return answer->reply.pid;
}

int wait_for_end(Fd line) {
  int32_t status = -1;
  ssize_t got = 0;
  while ((got = ::recv(line.get(), &status, sizeof status, MSG_WAITALL)) < 0 && errno == EINTR) continue;
  return got == sizeof status ? status : -1;
}

}  // namespace tiercel::broker
