#include "agent/response/script.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/time_text.h"
#include "agent/response/account.h"
#include "agent/response/child.h"
#include "agent/response/command.h"
#include "agent/response/firewall.h"
#include "agent/response/responder.h"

namespace tiercel::response {
namespace {

constexpr int kSystemctlLimitMs = 20'000;
constexpr size_t kOssecConfBytesMax = 4u << 20;
constexpr const char* kService = "tiercel.service";

// What a script is about: keys for execd if it can be undone, and what is done.
struct Work {
  std::vector<std::string> keys;
  std::optional<Deed> no;  // refused before anything is asked
};

bool has_argument(const Command& command, std::string_view name) {
  return std::find(command.extra_args.begin(), command.extra_args.end(), name) != command.extra_args.end();
}

Work about_address(const Command& command, const ScriptOptions& options) {
  const std::string& text = has_argument(command, "dstip") ? command.cause.dstip : command.cause.srcip;
  if (text.empty()) return {{}, refused("the alert names no address: data.srcip is needed")};
  const auto address = plain_address(text);
  if (!address) return {{}, refused("the alert's address: " + address.error().message)};
  if (command.name != "delete") {
    std::vector<std::string> managers = options.managers;
    if (const auto conf = read_file("etc/ossec.conf", kOssecConfBytesMax))
      for (std::string& host : managers_of_ossec_conf(*conf)) managers.push_back(std::move(host));
    if (const std::string why = why_reachable(*address, managers); !why.empty())
      return {{}, refused(fmt::format("{} is not blocked: {}", *address, why))};
  }
  return {{*address}, {}};
}

Work about_account(const Command& command, const ScriptOptions&) {
  const auto user = account_of(command.cause);
  if (!user) return {{}, refused(user.error().message)};
  if (const std::string why = why_needed(*user); !why.empty())
    return {{}, refused(fmt::format("{} is not locked: {}", *user, why))};
  return {{*user}, {}};
}

Deed restart_agent() {
  const std::string systemctl = find_tool("systemctl");
  if (systemctl.empty() || ::access("/run/systemd/system", F_OK) != 0)
    return failed("this host has no systemd to restart it: restart tiercel as it was started");
  const auto active = run_tool(systemctl, {"is-active", "--quiet", kService}, "", kSystemctlLimitMs);
  if (!active) return failed(active.error().message);
  if (active->exit_status != 0) return failed(fmt::format("{} is not running under systemd", kService));
  // Not waited for: it ends the agent that waits for us.
  const auto ran = run_tool(systemctl, {"--no-block", "restart", kService}, "", kSystemctlLimitMs);
  if (!ran) return failed(ran.error().message);
  return ran->exit_status == 0 ? done("asked systemd to restart tiercel") : failed("systemctl: " + ran->output);
}

struct Kind {
  ShippedScript script;
  Work (*about)(const Command&, const ScriptOptions&);  // nullptr: nothing to ask for or to undo
  Deed (*add)(const Command&, const ScriptOptions&, const std::string& key);
  Deed (*undo)(const std::string& key);
};

constexpr Kind kKinds[] = {
    {{"kill-process", "ends the alert's process (data.tiercel.proc.pid and .start_ns), and only that one"},
     nullptr,
     [](const Command& c, const ScriptOptions& o, const std::string&) {
       return kill_process(c.cause, o.start_time_of);
     },
     nullptr},
    {{"kill-container", "ends every process of the alert's container (data.tiercel.container.full_id)"},
     nullptr,
     [](const Command& c, const ScriptOptions& o, const std::string&) {
       ContainerKill options;
       options.unverified_too = has_argument(c, "unverified");
       options.docker_root = o.docker_root;
       options.storage_root = o.storage_root;
       return kill_container(c.cause, options);
     },
     nullptr},
    {{"firewall-drop", "blocks data.srcip (argument dstip: data.dstip) with nftables, until its timeout", true},
     about_address,
     [](const Command&, const ScriptOptions&, const std::string& key) { return block_address(key); },
     unblock_address},
    {{"disable-account", "locks the password of data.dstuser (else data.srcuser), until its timeout", true},
     about_account,
     [](const Command&, const ScriptOptions&, const std::string& key) { return lock_account(key); },
     unlock_account},
    {{"restart-agent", "restarts Tiercel where systemd runs it"},
     nullptr,
     [](const Command&, const ScriptOptions&, const std::string&) { return restart_agent(); },
     nullptr},
};

std::optional<std::string> read_line(int fd) {
  std::string line;
  for (char c = 0; line.size() <= kCommandBytesMax;) {
    const ssize_t n = ::read(fd, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;  // a last line may lack its newline
    if (c == '\n') return line;
    line += c;
  }
  if (line.empty() || line.size() > kCommandBytesMax) return std::nullopt;
  return line;
}

void say(int fd, std::string line) {
  line += '\n';
  (void)write_all(fd, line.data(), line.size());  // execd need not listen
}

// As Wazuh's own scripts write it.
void note(std::string_view name, const Deed& deed) {
  const std::string line = fmt::format("{} {}/{}: {}: {}\n", datetime_local_seconds(SystemClock().realtime_ns()),
                                       kBinFolder, name, deed.result, deed.reason);
  const Fd log(::open(kScriptLog, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (log.valid()) (void)write_all(log.get(), line.data(), line.size());
  if (::isatty(STDERR_FILENO) == 1) (void)write_all(STDERR_FILENO, line.data(), line.size());
}

// Nothing: aborted, by execd's word.
std::optional<Deed> act(const Kind& kind, const ScriptOptions& options) {
  const auto line = read_line(options.input);
  if (!line) return refused("no command came on standard input: one line of JSON is needed");
  const auto command = parse_command(*line);
  if (!command) return refused(command.error().message);
  if (command->name != "add" && command->name != "delete") return refused("the command is neither add nor delete");
  if (command->name == "delete" && !kind.undo) return done("there is nothing to undo");
  if (!kind.about) return kind.add(*command, options, {});
  const Work work = kind.about(*command, options);
  if (work.no) return work.no;
  const std::string& key = work.keys.front();
  if (command->name == "delete") return kind.undo(key);
  say(options.output, check_keys_line(kind.script.name, work.keys));
  const auto reply = read_line(options.input);
  const auto answer = reply ? parse_command(*reply) : fail("");
  if (answer && answer->name == "continue") return kind.add(*command, options, key);
  if (answer && answer->name == "abort") return std::nullopt;
  return refused(
      "no answer to check_keys: nobody would undo it. By hand, give a second line with \"command\":\"continue\"");
}

}  // namespace

std::span<const ShippedScript> shipped_scripts() {
  static const auto kScripts = [] {
    std::array<ShippedScript, std::size(kKinds)> scripts{};
    for (size_t i = 0; i < scripts.size(); ++i) {
      scripts[i] = kKinds[i].script;
      scripts[i].has_undo = kKinds[i].undo != nullptr;
    }
    return scripts;
  }();
  return kScripts;
}

int run_shipped(std::string_view name, const ScriptOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto kind =
      std::find_if(std::begin(kKinds), std::end(kKinds), [name](const Kind& each) { return each.script.name == name; });
  if (kind == std::end(kKinds)) return static_cast<int>(Fault::kUser);
  const auto deed = act(*kind, options);
  if (!deed) {
    note(name, {"aborted", "the same is in effect"});
    return 0;
  }
  note(name, *deed);
  say(options.output, result_line(name, deed->result, deed->reason));
  return deed->result == "done" ? 0 : static_cast<int>(Fault::kUser);
}

}  // namespace tiercel::response
