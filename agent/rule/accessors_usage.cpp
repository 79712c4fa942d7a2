// proc.*, thread.*: what a process may do and has used, its standard descriptors, cgroups and script.
#include <algorithm>

#include "agent/rule/accessors.h"
#include "decoders/flags.h"

namespace tiercel::rule::accessors {
namespace {

const usage_part& usage(const Access& a) {
  // The record of a creation holds the child's; what else has one speaks of itself.
  const usage_part* told = is_actor(a) && !a.event.record().as<ev_fork>() ? a.event.record().usage() : nullptr;
  return told ? *told : a.event.process().usage;
}

const context::Stdio& stdio(const Access& a, size_t n) {
  return a.event.image().stdio[n];
}
Value stdio_type(const Access& a, size_t n) {
  return text_or_missing(context::fd_type_name(stdio(a, n).kind));
}
Value stdio_name(const Access& a, size_t n) {
  return stdio(a, n).kind == context::FdKind::kNone ? Value() : Value::of_text(stdio(a, n).name);
}
Value stdio_ino(const Access& a, size_t n) {
  return stdio(a, n).ino ? Value::of_int(static_cast<int64_t>(stdio(a, n).ino)) : Value();
}

Value capabilities(const Access& a, __u64 ev_head::*now, uint64_t context::Process::*known) {
  return made_text(a, decoders::capabilities_text(is_actor(a) ? a.event.head().*now : a.event.process().*known));
}

Value percent(const Access& a, __u32 ev_procinfo::*of) {
  const auto* told = a.event.record().as<ev_procinfo>();
  return told ? Value::of_double(told->*of / 1000.0) : Value();
}

// Figures of memory are the whole process's: told of its main thread alone.
Value of_main(const Access& a, uint64_t kib) {
  return Value::of_uint(a.event.tid() == a.event.process().key.pid ? kib : 0);
}

}  // namespace

Value thread_cap_permitted(const Access& a) {
  return capabilities(a, &ev_head::cap_permitted, &context::Process::cap_permitted);
}
Value thread_cap_inheritable(const Access& a) {
  return capabilities(a, &ev_head::cap_inheritable, &context::Process::cap_inheritable);
}
Value thread_cap_effective(const Access& a) {
  return capabilities(a, &ev_head::cap_effective, &context::Process::cap_effective);
}

Value proc_fdlimit(const Access& a) {
  return Value::of_int(static_cast<int64_t>(usage(a).fdlimit));
}
Value proc_vmsize(const Access& a) {
  return Value::of_uint(usage(a).vm_size);
}
Value proc_vmrss(const Access& a) {
  return Value::of_uint(usage(a).vm_rss);
}
Value proc_vmswap(const Access& a) {
  return Value::of_uint(usage(a).vm_swap);
}
Value thread_vmsize(const Access& a) {
  return of_main(a, usage(a).vm_size);
}
Value thread_vmrss(const Access& a) {
  return of_main(a, usage(a).vm_rss);
}
Value thread_pfmajor(const Access& a) {
  return Value::of_uint(usage(a).pgft_maj);
}
Value thread_pfminor(const Access& a) {
  return Value::of_uint(usage(a).pgft_min);
}

Value proc_pidns_init_start_ts(const Access& a) {
  const uint64_t init = usage(a).pidns_init_ns;
  return init ? Value::of_uint(a.event.wall_ns_of(init)) : Value();
}
Value proc_exe_ino_ctime_duration_pidns(const Access& a) {
  const uint64_t ctime = a.event.image().exe_ino_ctime;
  const uint64_t init = usage(a).pidns_init_ns;
  if (ctime == 0 || init == 0) return {};
  const uint64_t start = a.event.wall_ns_of(init);
  return start > ctime ? Value::of_uint(start - ctime) : Value();
}

// Of the whole process, told where the agent looked at what it used; its threads are not told apart.
Value thread_cpu(const Access& a) {
  return percent(a, &ev_procinfo::cpu);
}
Value thread_cpu_user(const Access& a) {
  return percent(a, &ev_procinfo::user);
}
Value thread_cpu_system(const Access& a) {
  return percent(a, &ev_procinfo::system);
}
Value thread_totexectime(const Access& a) {
  const auto* told = a.event.record().as<ev_procinfo>();
  return told ? Value::of_uint(told->total_ns) : Value();
}

Value proc_nthreads(const Access& a) {
  return Value::of_uint(is_actor(a) ? a.event.head().nthreads : 1);
}
Value proc_nchilds(const Access& a) {
  const uint64_t threads = is_actor(a) ? a.event.head().nthreads : 1;
  return Value::of_uint(threads > 0 ? threads - 1 : 0);
}

Value thread_cgroups(const Access& a) {
  std::string text = a.event.process().cgroups;
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text.empty() ? Value() : made_text(a, text);
}
Value thread_cgroup(const Access& a) {
  std::string_view rest = a.event.process().cgroups;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    const size_t equals = entry.find('=');
    if (equals != std::string_view::npos && entry.substr(0, equals) == a.arg.text)
      return Value::of_text(entry.substr(equals + 1));
  }
  return {};
}

Value proc_stdin_type(const Access& a) {
  return stdio_type(a, 0);
}
Value proc_stdout_type(const Access& a) {
  return stdio_type(a, 1);
}
Value proc_stderr_type(const Access& a) {
  return stdio_type(a, 2);
}
Value proc_stdin_name(const Access& a) {
  return stdio_name(a, 0);
}
Value proc_stdout_name(const Access& a) {
  return stdio_name(a, 1);
}
Value proc_stderr_name(const Access& a) {
  return stdio_name(a, 2);
}
Value proc_stdin_ino(const Access& a) {
  return stdio_ino(a, 0);
}
Value proc_stdout_ino(const Access& a) {
  return stdio_ino(a, 1);
}
Value proc_stderr_ino(const Access& a) {
  return stdio_ino(a, 2);
}

Value proc_script(const Access& a) {
  const context::Image& image = a.event.image();
  if (image.interp.empty()) return {};
  return made_text(a, a.event.absolute(image.filename, a.event.process().cwd));
}

}  // namespace tiercel::rule::accessors
