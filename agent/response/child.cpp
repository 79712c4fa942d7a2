#include "agent/response/child.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "agent/base/clock.h"
#include "agent/response/command.h"

namespace tiercel::response {
namespace {

constexpr size_t kToolOutputMax = 4096;
const SystemClock kClock;

// Lines up to a size; what is longer is passed by.
class Lines {
 public:
  template <class Take>
  void add(std::string_view bytes, Take&& take) {
    for (const char c : bytes) {
      if (c != '\n') {
        if (line_.size() < kScriptLineBytesMax)
          line_ += c;
        else
          too_long_ = true;
        continue;
      }
      if (!too_long_) take(line_);
      line_.clear();
      too_long_ = false;
    }
  }

 private:
  std::string line_;
  bool too_long_ = false;
};

// One talk: what is to be written, and what was said.
class Conversation {
 public:
  Conversation(Child& child, const Talk& talk) : child_(child), talk_(talk), to_write_(talk.message + '\n') {}

  Talked run();

 private:
  void write_some();
  void read_some();
  void hear(const std::string& line);
  [[nodiscard]] int wait_ms(uint64_t now_ns) const;

  Child& child_;
  const Talk& talk_;
  std::string to_write_;
  Lines lines_;
  Talked talked_;
  bool answered_ = false;
  const uint64_t begun_ns_ = kClock.monotonic_ns();
  uint64_t limit_ns_ = begun_ns_ + static_cast<uint64_t>(talk_.time_limit_ms) * 1'000'000;
};

void Conversation::write_some() {
  while (!to_write_.empty()) {
    const ssize_t n = ::write(child_.input.get(), to_write_.data(), to_write_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {  // it does not listen
      to_write_.clear();
      child_.input.reset();
      return;
    }
    to_write_.erase(0, static_cast<size_t>(n));
  }
  if (talk_.close_input || answered_) child_.input.reset();
}

void Conversation::hear(const std::string& line) {
  ScriptLine said = parse_script_line(line);
  if (said.keys && !answered_ && talk_.on_keys) {
    answered_ = true;
    to_write_ += talk_.on_keys(*said.keys) + '\n';
    if (child_.input.valid()) write_some();
  } else if (!said.result.empty()) {
    talked_.result = said.result;
    talked_.reason = said.reason;
  }
}

void Conversation::read_some() {
  std::array<char, 16384> chunk;
  const ssize_t n = ::read(child_.output.get(), chunk.data(), chunk.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) return child_.output.reset();
  talked_.output_bytes += static_cast<uint64_t>(n);
  lines_.add({chunk.data(), static_cast<size_t>(n)}, [this](const std::string& line) { hear(line); });
}

int Conversation::wait_ms(uint64_t now_ns) const {
  uint64_t until_ns = limit_ns_;
  if (talk_.quiet_ms_max >= 0 && child_.input.valid() && talked_.output_bytes == 0)
    until_ns = std::min(until_ns, begun_ns_ + static_cast<uint64_t>(talk_.quiet_ms_max) * 1'000'000);
  return until_ns <= now_ns ? 0 : static_cast<int>((until_ns - now_ns) / 1'000'000 + 1);
}

Talked Conversation::run() {
  for (;;) {
    const uint64_t stop_ns = talk_.stop_deadline_ns ? talk_.stop_deadline_ns->load() : 0;
    const uint64_t now_ns = kClock.monotonic_ns();
    if (stop_ns != 0 && now_ns >= stop_ns) {
      talked_.end = Talked::End::kLeft;
      return talked_;
    }
    if (stop_ns == 0 && now_ns >= limit_ns_) break;
    if (talk_.quiet_ms_max >= 0 && talked_.output_bytes == 0 &&
        now_ns >= begun_ns_ + static_cast<uint64_t>(talk_.quiet_ms_max) * 1'000'000)
      child_.input.reset();
    std::array<pollfd, 4> fds{{{child_.pidfd.get(), POLLIN, 0},
                               {child_.output.get(), POLLIN, 0},
                               {to_write_.empty() ? -1 : child_.input.get(), POLLOUT, 0},
                               {stop_ns == 0 ? talk_.stop_fd : -1, POLLIN, 0}}};
    const int wait = stop_ns == 0 ? wait_ms(now_ns) : static_cast<int>((stop_ns - now_ns) / 1'000'000 + 1);
    if (::poll(fds.data(), fds.size(), wait) < 0 && errno != EINTR) break;
    if (fds[2].revents != 0) write_some();
    if (fds[1].revents != 0) {
      read_some();
    } else if (fds[0].revents != 0) {  // it has ended, and everything that it said was read
      talked_.exit_status = child_.reap();
      return talked_;
    }
  }
  talked_.end = Talked::End::kTimeLimit;
  child_.kill_group();
  talked_.exit_status = child_.reap();
  return talked_;
}

}  // namespace

Talked converse(Child& child, const Talk& talk) {
  return Conversation(child, talk).run();
}

Result<ToolRun> run_tool(const std::string& file, std::vector<std::string> arguments, const std::string& input,
                         int time_limit_ms, int network) {
  Launch launch;
  launch.network = network;
  launch.file = file;
  arguments.insert(arguments.begin(), file);
  launch.argv = std::move(arguments);
  launch.environment = plain_environment();
  launch.errors_to_output = true;
  auto child = Child::start(launch);
  if (!child) return tl::unexpected(child.error());
  ToolRun run;
  std::string to_write = input;
  const uint64_t limit_ns = kClock.monotonic_ns() + static_cast<uint64_t>(time_limit_ms) * 1'000'000;
  for (uint64_t now_ns = 0; (now_ns = kClock.monotonic_ns()) < limit_ns;) {
    if (to_write.empty()) child->input.reset();
    std::array<pollfd, 3> fds{
        {{child->pidfd.get(), POLLIN, 0}, {child->output.get(), POLLIN, 0}, {child->input.get(), POLLOUT, 0}}};
    ::poll(fds.data(), fds.size(), static_cast<int>((limit_ns - now_ns) / 1'000'000 + 1));
    if (fds[2].revents != 0) {
      const ssize_t n = ::write(child->input.get(), to_write.data(), to_write.size());
      if (n < 0 && errno != EAGAIN && errno != EINTR) to_write.clear();
      if (n > 0) to_write.erase(0, static_cast<size_t>(n));
    }
    if (fds[1].revents != 0) {
      std::array<char, 4096> chunk;
      const ssize_t n = ::read(child->output.get(), chunk.data(), chunk.size());
      if (n == 0) child->output.reset();
      if (n > 0) run.output.append(chunk.data(), std::min(static_cast<size_t>(n), kToolOutputMax - run.output.size()));
    } else if (fds[0].revents != 0) {
      run.exit_status = child->reap();
      while (!run.output.empty() && run.output.back() == '\n') run.output.pop_back();
      return run;
    }
  }
  child->kill_group();
  child->reap();
  return fail(fmt::format("{} took longer than {} ms and was ended", file, time_limit_ms));
}

std::string find_tool(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/", "/usr/local/sbin/", "/usr/local/bin/"})
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  return {};
}

}  // namespace tiercel::response
