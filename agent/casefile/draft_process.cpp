// Who did it, with all that a case can say of a process.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "agent/casefile/draft.h"
#include "agent/casefile/map_reader.h"
#include "decoders/flags.h"

namespace tiercel::casefile {
namespace {

using context::Container;
using context::Event;
using context::FdKind;
using context::Image;
using context::Process;
using context::Stdio;

constexpr size_t kParentsMax = 20;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kYear = 365ull * 24 * 3600 * kSecond;
constexpr uint32_t kPtsMajor = 136;
constexpr uint32_t kFirstPid = 1001, kOtherPid = 900;  // of numbers that only have to be equal, or not
constexpr uint64_t kAllCaps = (1ull << 41) - 1;

std::string quoted_word(const std::string& word) {
  if (!word.empty() && word.find_first_of(" \t\n\"'\\") == std::string::npos) return word;
  if (word.find('\'') == std::string::npos) return "'" + word + "'";
  std::string out = "\"";
  for (char c : word) out += (c == '"' || c == '\\' ? std::string("\\") : std::string()) + c;
  return out + '"';
}

std::string command_line(const std::vector<std::string>& argv) {
  std::string out;
  for (const std::string& word : argv) out += (out.empty() ? "" : " ") + quoted_word(word);
  return out;
}

// "::1:80" -> "[::1]:80"; an IPv4 end as it is.
std::string bracketed(std::string_view end, bool v6) {
  const size_t colon = end.rfind(':');
  if (colon == std::string_view::npos) return std::string(end);
  uint16_t port = 0;
  std::from_chars(end.data() + colon + 1, end.data() + end.size(), port);
  const std::string address(end.substr(0, colon));
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(steady_port(port));
}

std::string descriptor_text(const Stdio& what, const std::string& inode) {
  switch (what.kind) {
    case FdKind::kNone:
      return "closed";
    case FdKind::kDirectory:
      return what.name + "/";
    case FdKind::kPipe:
      return what.name.empty() ? "pipe" + inode : "fifo " + what.name;
    case FdKind::kIpv4:
    case FdKind::kIpv6: {
      const bool v6 = what.kind == FdKind::kIpv6;
      const size_t arrow = what.name.find("->");
      if (what.name.empty()) return v6 ? "socket [::]:0" : "socket";
      std::string out = "socket " + bracketed(std::string_view(what.name).substr(0, arrow), v6);
      if (arrow != std::string::npos) out += "->" + bracketed(std::string_view(what.name).substr(arrow + 2), v6);
      return out;
    }
    case FdKind::kUnix: {
      const size_t blank = what.name.find(' ');  // "1->2 /run/x"
      const std::string path = blank != std::string::npos                  ? what.name.substr(blank + 1)
                               : what.name.find("->") == std::string::npos ? what.name
                                                                           : "";
      return "unix" + (path.empty() ? "" : " " + path);
    }
    case FdKind::kMemfd:
      return "memfd " + (what.name.starts_with("memfd:") ? what.name.substr(6) : what.name);
    case FdKind::kEvent:
      return "eventfd";
    case FdKind::kSignal:
      return "signalfd";
    case FdKind::kEventPoll:
      return "eventpoll";
    case FdKind::kInotify:
      return "inotify";
    case FdKind::kTimer:
      return "timerfd";
    case FdKind::kNetlink:
      return "netlink";
    case FdKind::kUserfault:
      return "userfaultfd";
    case FdKind::kIoUring:
      return "io_uring";
    default:
      return what.name;
  }
}

Draft caps_draft(uint64_t bits) {
  if (bits == 0) return "none";
  if (bits == kAllCaps) return "all";
  Draft out = Draft::list();
  const std::string text = decoders::capabilities_text(bits);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) out.items.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

Draft labels_draft(const container::Labels& labels) {
  Draft out = Draft::map();
  for (const auto& [key, value] : labels) out.add(key, value);
  return out;
}

class ProcessDrafter {
 public:
  ProcessDrafter(const Event& event, const Needs& needs) : event_(event), needs_(needs) {
    for (size_t n = 0; n <= kParentsMax; ++n) {
      const Process* process = event.ancestor(n);
      if (!process) break;
      line_.push_back(process);
    }
  }

  Draft draft() {
    Draft out = one(0);
    Draft parents = Draft::list();
    for (size_t n = 1; n < line_.size(); ++n) parents.items.push_back(one(n));
    if (!parents.items.empty()) out.add("parents", std::move(parents)).wanted = true;
    return out;
  }

 private:
  Draft one(size_t n) {
    const Process& process = *line_[n];
    const Image& image = n == 0 ? event_.image() : *process.image;
    Draft out = Draft::map();
    put_program(image, out);
    if (n == 0) put_ids(out);
    put_numbers(n, out);
    if (n == 0) put_stdio(image, out);
    put_env(image, out);
    put_rest(n, process, image, out);
    return out;
  }

  static void put_program(const Image& image, Draft& out) {
    const std::string line = command_line(image.argv);
    if (!image.argv.empty() && split_words(line) == image.argv) {
      out.add("cmdline", line).wanted = true;
    } else {
      out.add("exe", image.exe()).wanted = true;
      Draft args = Draft::list();
      for (size_t n = 1; n < image.argv.size(); ++n) args.items.emplace_back(image.argv[n]);
      out.add("args", std::move(args));
    }
    out.add("name", image.comm);
    if (!image.exepath.empty()) out.add("exepath", image.exepath);
    if (!image.interp.empty()) out.add("script", image.filename);
    if (image.exe_flags != 0) {
      const std::string names = decoders::flags_text(decoders::Kind::kEXE_FLAGS, image.exe_flags);
      out.add("flags", names.empty() ? std::to_string(image.exe_flags) : names);
    }
  }

  // Of the event, not of the process: they are those of its time.
  void put_ids(Draft& out) const {
    const ev_head& head = event_.head();
    const Process& process = event_.process();
    const bool actor = !event_.child_side();
    const uint32_t uid = actor ? head.euid : process.euid, gid = actor ? head.egid : process.egid;
    if (const context::User* user = event_.user(uid)) out.add("user", user->name);
    out.add("uid", std::to_string(uid));
    if (const std::string* group = event_.group(gid)) out.add("group", *group);
    out.add("gid", std::to_string(gid));
    if (head.loginuid != UINT32_MAX) out.add("loginuid", std::to_string(head.loginuid));
    if (head.cap_effective == head.cap_permitted) {
      out.add("caps", caps_draft(head.cap_effective));
    } else {
      out.add("cap_effective", caps_draft(head.cap_effective));
      out.add("cap_permitted", caps_draft(head.cap_permitted));
    }
    if (head.cap_inheritable != 0) out.add("cap_inheritable", caps_draft(head.cap_inheritable));
    out.add("nthreads", std::to_string(std::max(1u, head.nthreads)));
    if (event_.tid() != process.key.pid) out.add("tid", std::to_string(kFirstPid - 1));
  }

  // Only which of them are the same matters: they are numbered along the line.
  [[nodiscard]] std::string steady_pid(uint32_t pid) const {
    if (pid == 1) return "1";
    for (size_t n = 0; n < line_.size(); ++n)
      if (line_[n]->key.pid == pid) return std::to_string(kFirstPid + n);
    return std::to_string(kOtherPid);
  }
  void put_numbers(size_t n, Draft& out) const {
    const Process& process = *line_[n];
    out.add("pid", steady_pid(process.key.pid));
    if (process.sid != process.key.pid && process.sid != 0) out.add("sid", steady_pid(process.sid));
    if (process.pgid != process.key.pid && process.pgid != 0) out.add("pgid", steady_pid(process.pgid));
    if (process.vpid == 1) out.add("vpid", "1");
    auto inner = [&](const char* key, uint32_t id) {
      if (id != process.vpid && id != 0) out.add(key, id == 1 ? "1" : std::to_string(kOtherPid));
    };
    inner("vsid", process.vsid);
    inner("vpgid", process.vpgid);
    if (process.tty != 0) out.add("tty", process.tty >> 8 == kPtsMajor ? "true" : std::to_string(process.tty));
  }

  static void put_stdio(const Image& image, Draft& out) {
    constexpr const char* kNames[] = {"stdin", "stdout", "stderr"};
    std::map<uint64_t, unsigned> seen;
    for (const Stdio& what : image.stdio) ++seen[what.ino];
    for (size_t n = 0; n < 3; ++n) {
      const Stdio& what = image.stdio[n];
      const bool shared = seen[what.ino] > 1;
      const auto number = 4711 + std::distance(seen.begin(), seen.find(what.ino));
      const std::string text = descriptor_text(what, shared ? fmt::format(":[{}]", number) : "");
      if (!text.empty()) out.add(kNames[n], text);
    }
  }

  void put_env(const Image& image, Draft& out) const {
    Draft env = Draft::map();
    const std::string_view all = image.env;
    for (size_t at = 0; at < all.size();) {
      const size_t end = std::min(all.find('\0', at), all.size());
      const std::string_view entry = all.substr(at, end - at);
      at = end + 1;
      const size_t equals = entry.find('=');
      if (equals == std::string_view::npos) continue;
      const std::string name(entry.substr(0, equals));
      if (needs_.fields.contains("proc.env[" + name + "]") || needs_.fields.contains("proc.aenv[" + name + "]") ||
          needs_.fields.contains("proc.env") || needs_.fields.contains("proc.aenv"))
        env.add(name, entry.substr(equals + 1));
    }
    if (!env.entries.empty()) out.add("env", std::move(env));
  }

  void put_rest(size_t n, const Process& process, const Image& image, Draft& out) const {
    if (!process.cwd.empty()) out.add("cwd", process.cwd);
    const uint64_t now = event_.head().time_ns, wall = event_.wall_ns();
    if (process.key.start_ns != 0 && process.key.start_ns <= now)
      out.add("age", std::to_string((now - process.key.start_ns) / kSecond));
    auto since = [&](const char* key, uint64_t at_ns) {
      if (at_ns != 0 && at_ns <= wall && wall - at_ns < kYear) out.add(key, std::to_string((wall - at_ns) / kSecond));
    };
    since("exe_modified", image.exe_ino_mtime);
    since("exe_changed", image.exe_ino_ctime);
    if (n == 0) put_figures(process, out);
    const Container* container = process.container ? process.container->facts.get() : nullptr;
    const Process* child = n > 0 ? line_[n - 1] : nullptr;
    const Container* below = child && child->container ? child->container->facts.get() : nullptr;
    if (container && (n == 0 || container != below)) put_container(process, *container, out);
    if (!container && below) out.add("container", "host");
  }

  void put_figures(const Process& process, Draft& out) const {
    const usage_part* usage = event_.record().usage() ? event_.record().usage() : &process.usage;
    auto add = [&](const char* field, const char* key, uint64_t value) {
      if (needs_.reads(field)) out.add(key, std::to_string(value));
    };
    add("proc.fdlimit", "fdlimit", usage->fdlimit);
    add("proc.vmsize", "vmsize", usage->vm_size);
    add("proc.vmrss", "vmrss", usage->vm_rss);
    add("proc.vmswap", "vmswap", usage->vm_swap);
    add("thread.pfmajor", "pfmajor", usage->pgft_maj);
    add("thread.pfminor", "pfminor", usage->pgft_min);
    if (!needs_.reads("thread.cgroup") || process.cgroups.empty()) return;
    Draft cgroups = Draft::map();
    const std::string_view all = process.cgroups;
    for (size_t at = 0; at < all.size();) {
      const size_t end = std::min(all.find('\0', at), all.size());
      const std::string_view entry = all.substr(at, end - at);
      if (const size_t equals = entry.find('='); equals != std::string_view::npos)
        cgroups.add(std::string(entry.substr(0, equals)), entry.substr(equals + 1));
      at = end + 1;
    }
    out.add("cgroups", std::move(cgroups));
  }

  void put_container(const Process& process, const Container& c, Draft& out) const {
    Draft map = Draft::map();
    auto text = [&](const char* key, const std::string& value) {
      if (!value.empty()) map.add(key, value);
    };
    auto flag = [&](const char* key, std::optional<bool> value) {
      if (value) map.add(key, *value ? "true" : "false");
    };
    map.add("name", c.name.empty() ? c.id : c.name).wanted = true;
    text("image", c.image);
    flag("privileged", c.privileged);
    flag("host_pid", c.host_pid);
    flag("host_network", c.host_network);
    flag("host_ipc", c.host_ipc);
    text("user", c.user);
    text("hostname", c.hostname);
    text("ip", c.ip);
    text("pod", c.pod_name);
    text("namespace", c.pod_namespace);
    text("pod_uid", c.pod_uid);
    text("sandbox_id", c.sandbox_id);
    text("pod_ip", c.pod_ip);
    text("type", c.type);
    text("image_id", c.image_id);
    text("image_digest", c.image_digest);
    if (!c.verified) map.add("verified", "false");
    if (needs_.reads("container.full_id") || needs_.reads("container.id")) text("id", c.full_id);
    if (c.capabilities) map.add("capabilities", caps_draft(*c.capabilities));
    put_lists(c, map);
    const uint64_t now = event_.head().time_ns, born = process.usage.pidns_init_ns;
    if (born != 0 && born <= now) map.add("age", std::to_string(std::max<uint64_t>(1, (now - born) / kSecond)));
    out.add("container", std::move(map));
  }

  static void put_lists(const Container& c, Draft& map) {
    Draft mounts = Draft::list();
    for (const container::Mount& mount : c.mounts) {
      const std::string mode = mount.rdwr ? (mount.mode.empty() ? "rw" : mount.mode) : "ro";
      mounts.items.emplace_back(
          fmt::format("{}:{}:{}{}", mount.source, mount.dest, mode,
                      mount.propagation.empty() || mount.propagation == "rprivate" ? "" : ":" + mount.propagation));
    }
    if (!mounts.items.empty()) map.add("mounts", std::move(mounts));
    if (!c.labels.empty()) map.add("labels", labels_draft(c.labels));
    if (!c.pod_labels.empty()) map.add("pod_labels", labels_draft(c.pod_labels));
    Draft entrypoint = Draft::list();
    for (const std::string& word : c.entrypoint) entrypoint.items.emplace_back(word);
    if (!entrypoint.items.empty()) map.add("entrypoint", std::move(entrypoint));
  }

  const Event& event_;
  const Needs& needs_;
  std::vector<const Process*> line_;
};

}  // namespace

Draft draft_process(const Event& event, const Needs& needs) {
  return ProcessDrafter(event, needs).draft();
}

}  // namespace tiercel::casefile
