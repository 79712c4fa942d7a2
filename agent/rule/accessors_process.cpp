// proc.*, thread.*, user.*, group.*: who did it, its ancestors and its credentials at the time of the event.
#include <algorithm>
#include <array>
#include <cstring>

#include "agent/rule/accessors.h"
#include "decoders/flags.h"

namespace tiercel::rule::accessors {
namespace {

using context::Image;
using context::Process;

constexpr size_t kAncestorsMax = 64;

const Image* image_of(const Process* process) {
  return process ? process->image.get() : nullptr;
}

// The image of ancestor n; 0 is the image that made the event, which the process may have left since.
const Image* ancestor_image(const Access& a, size_t n) {
  return n == 0 ? &a.event.image() : image_of(a.event.ancestor(n));
}

template <class F>
Value of_parent(const Access& a, F&& read) {
  const Process* parent = a.event.ancestor(1);
  return parent ? read(*parent) : Value();
}

// proc.aX[n]: one ancestor; without an argument all of them, parent first.
template <class F>
Value of_ancestors(const Access& a, F&& read) {
  if (a.arg.given) {
    if (a.arg.index < 0 || static_cast<size_t>(a.arg.index) > kAncestorsMax) return {};
    const auto n = static_cast<size_t>(a.arg.index);
    const Process* process = a.event.ancestor(n);
    return process ? read(*process, ancestor_image(a, n)) : Value();
  }
  std::array<const Process*, kAncestorsMax> found;
  size_t count = 0;
  a.event.each_ancestor([&](const Process& one) {
    found[count++] = &one;
    return count < kAncestorsMax;
  });
  if (count == 0) return {};
  Value* items = a.arena.values(count);
  for (size_t n = 0; n < count; ++n) items[n] = read(*found[n], image_of(found[n]));
  return Value::of_list({items, count});
}

Value name_of(const Image* image) {
  return image ? Value::of_text(image->comm) : Value();
}
Value exe_of(const Image* image) {
  return image ? Value::of_text(image->exe()) : Value();
}
Value exepath_of(const Image* image) {
  return image ? Value::of_text(image->exepath) : Value();
}
Value cmdline_of(const Access& a, const Image* image) {
  return image ? joined(a, image->comm, image->args) : Value();
}

std::string_view env_value(std::string_view env, std::string_view name, bool& found) {
  found = false;
  while (!env.empty()) {
    const size_t end = std::min(env.find('\0'), env.size());
    const std::string_view entry = env.substr(0, end);
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      found = true;
      std::string_view value = entry.substr(name.size() + 1);
      while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
      return value;
    }
    env.remove_prefix(std::min(end + 1, env.size()));
  }
  return {};
}

Value env_text(const Access& a, std::string_view env) {
  while (!env.empty() && env.back() == '\0') env.remove_suffix(1);
  char* out = a.arena.bytes(env.size());
  if (!env.empty()) std::memcpy(out, env.data(), env.size());
  char* const end = out + env.size();
  for (char* at = out; (at = static_cast<char*>(std::memchr(at, 0, static_cast<size_t>(end - at)))) != nullptr;)
    *at++ = ' ';
  return Value::of_text({out, env.size()});
}

const Process* session_leader(const Access& a) {
  return a.event.process().sid ? a.event.by_pid(a.event.process().sid) : nullptr;
}
const Process* group_leader(const Access& a) {
  return a.event.process().pgid ? a.event.by_pid(a.event.process().pgid) : nullptr;
}

// Without a living leader: the oldest of the ancestors in a row that share the id.
const Process* leader_or_oldest(const Access& a, const Process* leader, uint32_t Process::*id) {
  if (leader) return leader;
  const Process* oldest = &a.event.process();
  size_t left = kAncestorsMax;
  a.event.each_ancestor([&](const Process& next) {
    if (--left == 0 || next.*id != a.event.process().*id) return false;
    oldest = &next;
    return true;
  });
  return oldest;
}

Value leader_text(const Process* leader, std::string_view (*read)(const Image&)) {
  const Image* image = image_of(leader);
  return Value::of_text(image ? read(*image) : std::string_view());
}

std::string_view comm_text(const Image& image) {
  return image.comm;
}
std::string_view exe_text(const Image& image) {
  return image.exe();
}
std::string_view exepath_text(const Image& image) {
  return image.exepath;
}

// Credentials come with the record; for the child's side of a fork, the record's are the parent's.
uint32_t uid_of(const Access& a) {
  return is_actor(a) ? a.event.head().euid : a.event.process().euid;
}
uint32_t loginuid_of(const Access& a) {
  return is_actor(a) ? a.event.head().loginuid : a.event.process().loginuid;
}
uint32_t gid_of(const Access& a) {
  return is_actor(a) ? a.event.head().egid : a.event.process().egid;
}

uint64_t start_wall_ns(const Access& a, const Process& process) {
  return a.event.wall_ns() - (a.event.head().time_ns - process.key.start_ns);
}
Value duration(const Access& a, const Process& process) {
  if (process.key.start_ns == 0 || process.key.start_ns > a.event.head().time_ns) return {};
  return Value::of_uint(a.event.head().time_ns - process.key.start_ns);
}
Value start_ts(const Access& a, const Process& process) {
  return process.key.start_ns == 0 ? Value() : Value::of_uint(start_wall_ns(a, process));
}

Value exe_flag(const Access& a, uint32_t bit) {
  return Value::of_bool((a.event.image().exe_flags & bit) != 0);
}
Value nonzero(uint64_t v) {
  return v ? Value::of_uint(v) : Value();
}

}  // namespace

Value proc_name(const Access& a) {
  return name_of(&a.event.image());
}
Value proc_exe(const Access& a) {
  return exe_of(&a.event.image());
}
Value proc_exepath(const Access& a) {
  return exepath_of(&a.event.image());
}
Value proc_cmdline(const Access& a) {
  return cmdline_of(a, &a.event.image());
}
Value proc_exeline(const Access& a) {
  return joined(a, a.event.image().exe(), a.event.image().args);
}

Value proc_pname(const Access& a) {
  return name_of(image_of(a.event.ancestor(1)));
}
Value proc_pexe(const Access& a) {
  return exe_of(image_of(a.event.ancestor(1)));
}
Value proc_pexepath(const Access& a) {
  return exepath_of(image_of(a.event.ancestor(1)));
}
Value proc_pcmdline(const Access& a) {
  return cmdline_of(a, image_of(a.event.ancestor(1)));
}

Value proc_aname(const Access& a) {
  return of_ancestors(a, [](const Process&, const Image* image) { return name_of(image); });
}
Value proc_aexe(const Access& a) {
  return of_ancestors(a, [](const Process&, const Image* image) { return exe_of(image); });
}
Value proc_aexepath(const Access& a) {
  return of_ancestors(a, [](const Process&, const Image* image) { return exepath_of(image); });
}
Value proc_acmdline(const Access& a) {
  return of_ancestors(a, [&a](const Process&, const Image* image) { return cmdline_of(a, image); });
}
Value proc_apid(const Access& a) {
  return of_ancestors(a, [](const Process& process, const Image*) { return Value::of_int(process.key.pid); });
}

Value proc_args(const Access& a) {
  const Image& image = a.event.image();
  if (!a.arg.given) return Value::of_text(image.args);
  const auto n = static_cast<size_t>(a.arg.index) + 1;
  return Value::of_text(n < image.argv.size() ? std::string_view(image.argv[n]) : std::string_view());
}

Value proc_aargs(const Access& a) {
  if (a.arg.given) {
    const Image* image = ancestor_image(a, static_cast<size_t>(a.arg.index));
    return image ? Value::of_text(image->args) : Value();
  }
  Value out = Value::of_text("");
  size_t left = kAncestorsMax;
  a.event.each_ancestor([&](const Process& one) {
    const Image* image = image_of(&one);
    if (image && !image->args.empty())
      out = out.text.size == 0 ? Value::of_text(image->args) : joined(a, out.view(), image->args);
    return --left > 0;
  });
  return out;
}

Value proc_cmdnargs(const Access& a) {
  const size_t count = a.event.image().argv.size();
  return Value::of_uint(count == 0 ? 0 : count - 1);
}

Value proc_cmdlenargs(const Access& a) {
  size_t sum = 0;
  const auto& argv = a.event.image().argv;
  for (size_t n = 1; n < argv.size(); ++n) sum += argv[n].size();
  return Value::of_uint(sum);
}

Value proc_env(const Access& a) {
  const std::string& env = a.event.image().env;
  if (!a.arg.given) return env_text(a, env);
  bool found = false;
  return Value::of_text(env_value(env, a.arg.text, found));
}

Value proc_aenv(const Access& a) {
  constexpr size_t kSearched = 20;
  if (a.arg.index >= 0) {
    const Image* image = ancestor_image(a, static_cast<size_t>(std::min<int64_t>(a.arg.index, kAncestorsMax + 1)));
    return image ? env_text(a, image->env) : Value();
  }
  for (size_t n = 1; n <= kSearched; ++n) {
    const Image* image = image_of(a.event.ancestor(n));
    if (!image) break;
    if (!a.arg.given) return env_text(a, image->env);
    bool found = false;
    const std::string_view value = env_value(image->env, a.arg.text, found);
    if (found) return Value::of_text(value);
  }
  return Value::of_text("");
}

Value proc_cwd(const Access& a) {
  const std::string& cwd = a.event.process().cwd;
  if (cwd.empty() || cwd.back() == '/') return text_or_missing(cwd);
  char* out = a.arena.bytes(cwd.size() + 1);
  std::copy(cwd.begin(), cwd.end(), out);
  out[cwd.size()] = '/';
  return Value::of_text({out, cwd.size() + 1});
}

Value proc_loginshellid(const Access& a) {
  Value out;
  for (size_t n = 0; n <= kAncestorsMax; ++n) {
    const Process* process = a.event.ancestor(n);
    if (!process) break;
    const Image* image = ancestor_image(a, n);
    if (image && image->comm.ends_with("sh")) out = Value::of_int(process->key.pid);
  }
  return out;
}

Value proc_tty(const Access& a) {
  return Value::of_uint(a.event.process().tty);
}
Value proc_pid(const Access& a) {
  return Value::of_int(a.event.process().key.pid);
}
Value proc_vpid(const Access& a) {
  return Value::of_int(a.event.process().vpid);
}
Value proc_sid(const Access& a) {
  return Value::of_int(a.event.process().vsid);
}
Value proc_vpgid(const Access& a) {
  return Value::of_int(a.event.process().vpgid);
}
Value proc_pgid(const Access& a) {
  return Value::of_int(a.event.process().pgid);
}
Value proc_ppid(const Access& a) {
  return of_parent(a, [](const Process& p) { return Value::of_int(p.key.pid); });
}
Value proc_pvpid(const Access& a) {
  return of_parent(a, [](const Process& p) { return Value::of_int(p.vpid); });
}

Value proc_sname(const Access& a) {
  return leader_text(leader_or_oldest(a, session_leader(a), &Process::sid), comm_text);
}
Value proc_sid_exe(const Access& a) {
  return leader_text(leader_or_oldest(a, session_leader(a), &Process::sid), exe_text);
}
Value proc_sid_exepath(const Access& a) {
  return leader_text(leader_or_oldest(a, session_leader(a), &Process::sid), exepath_text);
}
Value proc_pgid_name(const Access& a) {
  return leader_text(leader_or_oldest(a, group_leader(a), &Process::pgid), comm_text);
}
Value proc_pgid_exe(const Access& a) {
  return leader_text(leader_or_oldest(a, group_leader(a), &Process::pgid), exe_text);
}
Value proc_pgid_exepath(const Access& a) {
  return leader_text(leader_or_oldest(a, group_leader(a), &Process::pgid), exepath_text);
}

Value proc_duration(const Access& a) {
  return duration(a, a.event.process());
}
Value proc_ppid_duration(const Access& a) {
  return of_parent(a, [&a](const Process& p) { return duration(a, p); });
}
Value proc_pid_ts(const Access& a) {
  return start_ts(a, a.event.process());
}
Value proc_ppid_ts(const Access& a) {
  return of_parent(a, [&a](const Process& p) { return start_ts(a, p); });
}

Value proc_is_exe_writable(const Access& a) {
  return exe_flag(a, EXE_WRITABLE);
}
Value proc_is_exe_upper_layer(const Access& a) {
  return exe_flag(a, EXE_UPPER_LAYER);
}
Value proc_is_exe_lower_layer(const Access& a) {
  return exe_flag(a, EXE_LOWER_LAYER);
}
Value proc_is_exe_from_memfd(const Access& a) {
  return exe_flag(a, EXE_FROM_MEMFD);
}
Value proc_is_sid_leader(const Access& a) {
  return Value::of_bool(a.event.process().vsid == a.event.process().vpid);
}
Value proc_is_vpgid_leader(const Access& a) {
  return Value::of_bool(a.event.process().vpgid == a.event.process().vpid);
}
Value proc_is_pgid_leader(const Access& a) {
  return Value::of_bool(a.event.process().pgid == a.event.process().key.pid);
}

Value proc_exe_ino(const Access& a) {
  const uint64_t ino = a.event.image().exe_ino;
  return ino ? Value::of_int(static_cast<int64_t>(ino)) : Value();
}
Value proc_exe_ino_ctime(const Access& a) {
  return nonzero(a.event.image().exe_ino_ctime);
}
Value proc_exe_ino_mtime(const Access& a) {
  return nonzero(a.event.image().exe_ino_mtime);
}
Value proc_exe_ino_ctime_duration(const Access& a) {
  const uint64_t ctime = a.event.image().exe_ino_ctime;
  const uint64_t start = start_wall_ns(a, a.event.process());
  return ctime && start > ctime ? Value::of_uint(start - ctime) : Value();
}

Value thread_tid(const Access& a) {
  return Value::of_int(a.event.tid());
}
Value thread_ismain(const Access& a) {
  return Value::of_bool(a.event.tid() == a.event.process().key.pid);
}
Value thread_vtid(const Access& a) {
  const auto vtid = a.event.vtid();
  return vtid ? Value::of_int(*vtid) : Value();
}

namespace {

constexpr std::string_view kUnknown = "<NA>";

Value part_of(const Access& a, const context::User* user, uint32_t uid, std::string context::User::*part,
              std::string_view roots) {
  if (user) return made_text(a, user->*part);
  return Value::of_text(uid == 0 && !roots.empty() ? roots : kUnknown);
}

Value user_part(const Access& a, std::string context::User::*part, std::string_view roots) {
  const uint32_t uid = uid_of(a);
  return part_of(a, a.event.user(uid), uid, part, roots);
}

}  // namespace

Value user_uid(const Access& a) {
  return Value::of_uint(uid_of(a));
}
Value user_name(const Access& a) {
  return user_part(a, &context::User::name, "root");
}
Value user_homedir(const Access& a) {
  return user_part(a, &context::User::home, "/root");
}
Value user_shell(const Access& a) {
  return user_part(a, &context::User::shell, "");
}

Value user_loginuid(const Access& a) {
  const uint32_t id = loginuid_of(a);
  return Value::of_int(id == UINT32_MAX ? -1 : static_cast<int64_t>(id));
}
Value user_loginname(const Access& a) {
  const uint32_t id = loginuid_of(a);
  if (id == UINT32_MAX) return Value::of_text(kUnknown);
  return part_of(a, a.event.host_user(id), id, &context::User::name, "root");  // who logged in did so on the host
}

Value group_gid(const Access& a) {
  return Value::of_uint(gid_of(a));
}
Value group_name(const Access& a) {
  const std::string* name = a.event.group(gid_of(a));
  return name ? made_text(a, *name) : Value::of_text(kUnknown);
}

}  // namespace tiercel::rule::accessors
