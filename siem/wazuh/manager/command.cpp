// The command `tiercel dev-manager`.
#include <fmt/core.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include "agent/alert/json.h"
#include "agent/base/fd.h"
#include "siem/wazuh/crypto.h"
#include "siem/wazuh/keys.h"
#include "siem/wazuh/manager/dev_manager.h"
#include "siem/wazuh/manager/shared_folder.h"

namespace tiercel::wazuh {
namespace {

constexpr size_t kFileBytesMax = 16u << 20;
constexpr size_t kLineBytesMax = 1u << 20;
constexpr std::string_view kArConf =
    "restart-ossec0 - restart-ossec.sh - 0\nrestart-ossec0 - restart-ossec.cmd - 0\n"
    "restart-wazuh0 - restart-ossec.sh - 0\nrestart-wazuh0 - restart-ossec.cmd - 0\n"
    "restart-wazuh0 - restart-wazuh - 0\nrestart-wazuh0 - restart-wazuh.exe - 0\n";

void say(std::string_view text) {
  std::string line = "dev-manager: " + std::string(text) + '\n';
  [[maybe_unused]] const auto written = write_all(STDERR_FILENO, line.data(), line.size());
}

std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

// An agent's id may come first; none means all agents.
std::string take_agent(std::string_view& line) {
  std::string_view rest = line;
  const std::string_view word = take_word(rest);
  if (!valid_agent_id(word)) return {};
  line = rest;
  return std::string(word);
}

std::string base_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

void say_counts(const DevManagerCounts& c) {
  say(fmt::format(
      "enrolled {} refused {} connections {} closed {} frames {} dropped {} events {} malformed {} startups {} "
      "keepalives {} shutdowns {} pings {} responses {} send-dropped {}",
      c.enrolled, c.enrol_refused, c.connections, c.closed_by_us, c.frames, c.dropped, c.events, c.malformed_events,
      c.startups, c.keepalives, c.shutdowns, c.pings, c.responses, c.send_dropped));
}

void push(DevManager& manager, const std::string& path) {
  const auto content = read_file(path, kFileBytesMax);
  if (!content) return say(content.error().message);
  manager.push_shared(make_merged_file("default", kArConf, {{base_name(path), *content}}));
  say("pushed " + path);
}

// What --shared names, pushed when it was quiet since the last look.
struct SharedFolder {
  std::string path;
  uint64_t seen = 0, pushed = 0;

  void push(DevManager& manager) {
    if (path.empty()) return say("push-folder needs a folder: push-folder FOLDER, or --shared FOLDER");
    const uint64_t stamp = stamp_of_folder(path);
    const auto merged = merge_folder(path, kArConf);
    if (!merged) return say(merged.error().message);
    seen = pushed = stamp;
    manager.push_shared(*merged);
    say(fmt::format("pushed {}: {} bytes, md5 {}", path, merged->size(), md5_hex(*merged)));
  }
  void look(DevManager& manager) {
    if (path.empty()) return;
    const uint64_t before = std::exchange(seen, stamp_of_folder(path));
    if (seen == before && seen != pushed) push(manager);
  }
};

// False: the end.
bool obey(DevManager& manager, SharedFolder& shared, std::string_view line) {
  const std::string_view command = take_word(line);
  if (command.empty()) return true;
  if (command == "quit") return false;
  if (command == "stats") {
    say_counts(manager.counts());
  } else if (command == "agents") {
    for (const std::string& id : manager.connected_agents()) say("connected: " + id);
  } else if (command == "push") {
    push(manager, std::string(line));
  } else if (command == "push-folder") {
    SharedFolder once{std::string(line)};
    (line.empty() ? shared : once).push(manager);
  } else if (command == "ar" || command == "reconnect" || command == "request") {
    const std::string agent = take_agent(line);
    const bool sent = command == "ar"          ? manager.send_active_response(agent, line)
                      : command == "reconnect" ? manager.force_reconnect(agent)
                                               : manager.request(agent, fmt::format("{:x}", random_u32()), line);
    say(sent ? fmt::format("{}: sent", command) : fmt::format("{}: no such agent is connected", command));
  } else {
    say("commands: ar [ID] <json> | push <file> | push-folder [<folder>] | reconnect [ID] | request [ID] <target> "
        "<payload> | "
        "stats | agents | quit");
  }
  return true;
}

// Lines of standard input and the signals, until either says that it is over.
void obey_until_end(DevManager& manager, SharedFolder shared, int signal_fd) {
  constexpr int kLookMs = 500;
  std::string input;
  bool input_open = true;
  for (;;) {
    std::array<pollfd, 2> fds{{{signal_fd, POLLIN, 0}, {input_open ? STDIN_FILENO : -1, POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), shared.path.empty() ? -1 : kLookMs);
    if (ready < 0 && errno != EINTR) return;
    if (ready == 0) shared.look(manager);
    if (fds[0].revents != 0) return;
    if (fds[1].revents == 0) continue;
    std::array<char, 4096> chunk{};
    const ssize_t got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || input.size() > kLineBytesMax) {
      input_open = false;  // the manager runs on: it may have been started in the background
      continue;
    }
    input.append(chunk.data(), static_cast<size_t>(got));
    for (size_t end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
      const std::string line = input.substr(0, end);
      input.erase(0, end + 1);
      if (!obey(manager, shared, line)) return;
    }
  }
}

}  // namespace

int run_dev_manager(DevManagerOptions options, bool json,
                    const std::function<std::string(const DevEvent&)>& text_line) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const Fd signal_fd(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!signal_fd.valid()) {
    say("cannot wait for signals");
    return static_cast<int>(Fault::kHost);
  }
  if (!options.on_event) {
    options.on_event = [json, text_line](const DevEvent& event) {
      std::string line = json || !text_line ? dev_event_json(event) : text_line(event);
      if (line.empty()) return;
      line += '\n';
      [[maybe_unused]] const auto written = write_all(STDOUT_FILENO, line.data(), line.size());
    };
  }
  if (!options.on_response) {
    options.on_response = [](const std::string& agent, std::string_view answer) {
      say(fmt::format("agent {} answers {}", agent, answer));
    };
  }
  if (!options.on_log) options.on_log = [](std::string_view line) { say(line); };
  const std::string shared_folder = options.shared_folder;
  DevManager manager(std::move(options));
  if (auto started = manager.start(); !started) {
    say(started.error().message);
    return static_cast<int>(started.error().fault);
  }
  say(fmt::format("ready: agents on port {}, enrolment on port {}", manager.port(), manager.enrol_port()));
  SharedFolder shared{shared_folder};
  if (!shared_folder.empty()) shared.push(manager);
  obey_until_end(manager, std::move(shared), signal_fd.get());
  manager.stop();
  say_counts(manager.counts());
  return 0;
}

}  // namespace tiercel::wazuh
