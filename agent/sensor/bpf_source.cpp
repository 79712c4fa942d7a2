#include "agent/sensor/bpf_source.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/tiercel.skel.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/sensor/merge.h"
#include "agent/sensor/ring.h"
#include "agent/sensor/tracefs.h"

namespace tiercel::sensor {
namespace {

constexpr std::string_view kSysExitPrefix = "sys_exit__";

std::string_view event_name(uint16_t type) {
  switch (type) {
#define EVENT(event, record, category, flags, params) \
  case EVT_##event:                                   \
    return #event;
#include "bpf/schema/events.def"
    default:
      return {};
  }
}

int log_libbpf(enum libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG) return 0;
  char* text = nullptr;  // a verifier's log has no bound
  if (::vasprintf(&text, format, args) < 0) return 0;
  std::string_view line(text);
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  log::debug("libbpf: {}", line);
  std::free(text);
  return 0;
}

// The v1 controller whose hierarchy tells containers apart, as its index in the kernel; -1 on a pure v2 host.
int container_cgroup_subsys() {
  auto text = read_pseudo_file("/proc/cgroups", 1 << 16);
  if (!text) return -1;
  btf* vmlinux = btf__load_vmlinux_btf();
  if (!vmlinux) return -1;
  int found = -1;
  const int id = btf__find_by_name_kind(vmlinux, "cgroup_subsys_id", BTF_KIND_ENUM);
  for (const char* wanted : {"memory", "pids", "devices", "freezer", "cpu"}) {
    const size_t at = ("\n" + *text).find("\n" + std::string(wanted) + "\t");
    if (at == std::string::npos || id < 0 || found >= 0) continue;
    if (std::strtol(text->c_str() + at + std::strlen(wanted) + 1, nullptr, 10) == 0) continue;
    const btf_type* type = btf__type_by_id(vmlinux, static_cast<__u32>(id));
    const std::string symbol = std::string(wanted) + "_cgrp_id";
    for (int i = 0; i < btf_vlen(type); ++i)
      if (symbol == btf__name_by_offset(vmlinux, btf_enum(type)[i].name_off)) found = btf_enum(type)[i].val;
  }
  btf__free(vmlinux);
  return found;
}

// A program at the exit of a system call. Loaded once and kept; attached while the link is open.
struct Hook {
  Fd program;
  Fd link;
};

// Closing a link takes the kernel tens of milliseconds, nearly all of it waiting: side by side they take as long as
// one.
void close_all(std::vector<Fd> links) {
  std::vector<std::thread> threads;
  for (Fd& link : links) threads.emplace_back([&link] { link.reset(); });
  for (std::thread& thread : threads) thread.join();
}

Fd duplicate(int fd) {
  return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

class BpfSource final : public Source {
 public:
  explicit BpfSource(BpfOptions options) : options_(std::move(options)) {}
  ~BpfSource() override {
    detach();
    if (skeleton_) tiercel_bpf__destroy(skeleton_);
  }

  Result<> start(const RecordHandler& handler) override {
    if (auto loaded = load(); !loaded) return loaded;
    if (auto attached = attach(); !attached) return attached;
    return look_again(handler);
  }

  size_t drain(const RecordHandler& handler, size_t most) override {
    note_lag();
    return merge(*vital_, *bulk_, handler, most);
  }
  uint64_t take_longest_lag_ns() override { return std::exchange(longest_lag_ns_, 0); }

  Result<bool> widen(const Wanted& wanted) override;
  void narrow(const Wanted& wanted) override;
  Result<> look_again(const RecordHandler& handler) override;
  void detach() override;
  [[nodiscard]] std::vector<int> wait_fds() const override { return {vital_->fd(), bulk_->fd()}; }
  int wait_ms(size_t handled) override;
  [[nodiscard]] KernelCounts counts() const override;
  [[nodiscard]] size_t ring_bytes() const override { return options_.ring_vital_bytes + options_.ring_bulk_bytes; }

  Result<> load();

 private:
  using Calls = std::set<std::string>;
  void note_lag();
  [[nodiscard]] Calls calls_of(const Wanted& wanted) const;
  void keep_programs(const tiercel_bpf& skeleton, const Calls& calls);
  Result<> load_more(const Calls& calls);
  Result<> attach();
  Result<> attach_hooks(const Calls& calls);
  Result<> attach_hook(const std::string& call);
  void set_flag(volatile bool& flag, bool value) { std::atomic_ref<bool>(const_cast<bool&>(flag)) = value; }

  BpfOptions options_;
  tiercel_bpf* skeleton_ = nullptr;
  std::unique_ptr<Ring> vital_, bulk_;
  unsigned quiet_turns_ = 0;
  uint64_t longest_lag_ns_ = 0;
  SystemClock clock_;

  std::mutex hooks_mutex_;  // of what follows: rules may be reloaded while the loop ends
  bool detached_ = false;
  Fd tracefs_;
  std::vector<Fd> process_links_;
  std::map<std::string, Hook> hooks_;  // by call
  Calls absent_;                       // calls that this kernel has no tracepoint for
};

void BpfSource::note_lag() {
  for (Ring* ring : {vital_.get(), bulk_.get()}) {
    std::span<const std::byte> record;
    if (ring->peek(record) != Ring::Head::kReady) continue;
    const uint64_t now_ns = clock_.boottime_ns(), then_ns = record_time_ns(record);
    if (now_ns > then_ns) longest_lag_ns_ = std::max(longest_lag_ns_, now_ns - then_ns);
  }
}

// While records come, the programs do not wake us: we look every millisecond. After a while without any we say that we
// sleep, look once more (a program that saw the flag before it was set has put its record in by then), and sleep.
int BpfSource::wait_ms(size_t handled) {
  constexpr unsigned kQuietTurns = 20;
  auto* idle = const_cast<uint32_t*>(&skeleton_->bss->reader_idle);
  quiet_turns_ = handled > 0 ? 0 : quiet_turns_ + 1;
  if (quiet_turns_ < kQuietTurns) return 1;
  std::atomic_ref<uint32_t>(*idle).store(1, std::memory_order_seq_cst);
  std::span<const std::byte> record;
  const bool nothing = vital_->peek(record) == Ring::Head::kEmpty && bulk_->peek(record) == Ring::Head::kEmpty;
  return nothing ? -1 : 0;
}

Result<> explain_load_failure(int code) {
  if (::geteuid() != 0) return fail("the sensor needs root: run tiercel with sudo, or use `tiercel replay`");
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0)
    return fail(
        "this kernel has no BTF (/sys/kernel/btf/vmlinux): use a kernel built with CONFIG_DEBUG_INFO_BTF=y, "
        "as those of current distributions are");
  utsname name{};
  ::uname(&name);
  return fail_errno(fmt::format("the kernel ({}) refused the sensor's programs; `tiercel doctor` says what it lacks, "
                                "--log-level debug shows the verifier's words",
                                name.release),
                    code);
}

// The programs of `calls`, and of `skeleton` itself if it is the first. Only what is attached is loaded: the verifier
// takes longer over the programs than everything else at the start.
void choose_programs(const tiercel_bpf& skeleton, const std::set<std::string>& calls, bool first) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton.obj) {
    const std::string_view name = bpf_program__name(program);
    const bool is_call = name.starts_with(kSysExitPrefix);
    bpf_program__set_autoload(program,
                              is_call ? calls.contains(std::string(name.substr(kSysExitPrefix.size()))) : first);
  }
}

Result<> BpfSource::load() {
  libbpf_set_print(log_libbpf);
  if (::geteuid() != 0) return explain_load_failure(EPERM);
  skeleton_ = tiercel_bpf__open();
  if (!skeleton_) return explain_load_failure(errno);
  skeleton_->rodata->cgroup_subsys = container_cgroup_subsys();
  set_flag(skeleton_->bss->want_env, options_.wanted.env);
  set_flag(skeleton_->bss->want_threads, options_.wanted.threads);
  const Calls calls = calls_of(options_.wanted);
  choose_programs(*skeleton_, calls, true);
  bpf_map__set_max_entries(skeleton_->maps.ring_vital, static_cast<__u32>(options_.ring_vital_bytes));
  bpf_map__set_max_entries(skeleton_->maps.ring_bulk, static_cast<__u32>(options_.ring_bulk_bytes));
  if (int err = tiercel_bpf__load(skeleton_); err != 0) return explain_load_failure(-err);
  keep_programs(*skeleton_, calls);
  for (auto [map, size, ring] : {std::tuple{skeleton_->maps.ring_vital, options_.ring_vital_bytes, &vital_},
                                 std::tuple{skeleton_->maps.ring_bulk, options_.ring_bulk_bytes, &bulk_}}) {
    auto mapped = Ring::map(bpf_map__fd(map), size);
    if (!mapped) return tl::unexpected(mapped.error());
    *ring = std::make_unique<Ring>(std::move(*mapped));
  }
  return {};
}

// The calls of the wanted events that have a program of their own; the others come from the process hooks.
BpfSource::Calls BpfSource::calls_of(const Wanted& wanted) const {
  Calls calls;
  for (uint16_t type : wanted.events) {
    std::string call(event_name(type));
    if (bpf_object__find_program_by_name(skeleton_->obj, (std::string(kSysExitPrefix) + call).c_str()))
      calls.insert(std::move(call));
  }
  return calls;
}

void BpfSource::keep_programs(const tiercel_bpf& skeleton, const Calls& calls) {
  for (const std::string& call : calls) {
    const bpf_program* program =
        bpf_object__find_program_by_name(skeleton.obj, (std::string(kSysExitPrefix) + call).c_str());
    if (program) hooks_[call].program = duplicate(bpf_program__fd(program));
  }
}

// Programs that the first load left out: from a second copy of the object that works on the maps of the first. What is
// kept of the copy is the programs' descriptors.
Result<> BpfSource::load_more(const Calls& calls) {
  tiercel_bpf* more = tiercel_bpf__open();
  if (!more) return explain_load_failure(errno);
  const std::unique_ptr<tiercel_bpf, void (*)(tiercel_bpf*)> owner(more, tiercel_bpf__destroy);
  more->rodata->cgroup_subsys = skeleton_->rodata->cgroup_subsys;
  choose_programs(*more, calls, false);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, more->obj) {
    if (map == more->maps.rodata) continue;  // frozen, and equal
    bpf_map* shared = bpf_object__find_map_by_name(skeleton_->obj, bpf_map__name(map));
    if (!shared) return fail(fmt::format("the sensor has no map {}", bpf_map__name(map)), Fault::kBug);
    if (int err = bpf_map__reuse_fd(map, bpf_map__fd(shared)); err != 0)
      return fail_errno(fmt::format("cannot share the map {}", bpf_map__name(map)), -err);
  }
  if (int err = tiercel_bpf__load(more); err != 0) return explain_load_failure(-err);
  keep_programs(*more, calls);
  return {};
}

Result<> BpfSource::attach_hook(const std::string& call) {
  auto id = tracepoint_id(tracefs_.get(), call);
  if (!id) {
    log::warning("the kernel has no tracepoint for {}: events of that type will not be seen ({})", call,
                 id.error().message);
    absent_.insert(call);
    return {};
  }
  auto event = open_tracepoint(*id);
  if (!event) return tl::unexpected(event.error());
  Hook& hook = hooks_.at(call);
  Fd link(bpf_link_create(hook.program.get(), event->get(), BPF_PERF_EVENT, nullptr));  // it holds the event
  if (!link.valid()) return fail_errno("cannot attach to sys_exit_" + call, errno);
  if (::ioctl(event->get(), PERF_EVENT_IOC_ENABLE, 0) != 0) return fail_errno("cannot enable sys_exit_" + call, errno);
  hook.link = std::move(link);
  return {};
}

Result<> BpfSource::attach_hooks(const Calls& calls) {
  Calls to_attach, to_load;
  for (const std::string& call : calls) {
    if (absent_.contains(call)) continue;
    auto hook = hooks_.find(call);
    if (hook == hooks_.end()) to_load.insert(call);
    if (hook == hooks_.end() || !hook->second.link.valid()) to_attach.insert(call);
  }
  if (to_attach.empty()) return {};
  if (!to_load.empty())
    if (auto loaded = load_more(to_load); !loaded) return loaded;
  if (!tracefs_.valid()) tracefs_ = open_tracefs();
  if (!tracefs_.valid())
    return fail(
        "cannot reach tracefs: mount it with `mount -t tracefs tracefs /sys/kernel/tracing`, or check that "
        "the kernel has CONFIG_FTRACE_SYSCALLS and is not locked down");
  for (const std::string& call : to_attach)
    if (auto attached = attach_hook(call); !attached) return attached;
  return {};
}

Result<> BpfSource::attach() {
  const std::lock_guard lock(hooks_mutex_);
  for (bpf_program* program :
       {skeleton_->progs.process__fork, skeleton_->progs.process__exec, skeleton_->progs.process__exit}) {
    Fd link(bpf_raw_tracepoint_open(nullptr, bpf_program__fd(program)));
    if (!link.valid()) return fail_errno(fmt::format("cannot attach {}", bpf_program__name(program)), errno);
    process_links_.push_back(std::move(link));
  }
  return attach_hooks(calls_of(options_.wanted));
}

Result<bool> BpfSource::widen(const Wanted& wanted) {
  const std::lock_guard lock(hooks_mutex_);
  if (detached_) return fail("the sensor has ended");
  auto follows_directories = [this] {
    auto hook = hooks_.find("chdir");
    return hook != hooks_.end() && hook->second.link.valid();
  };
  const bool followed = follows_directories();
  if (wanted.env) set_flag(skeleton_->bss->want_env, true);
  if (wanted.threads) set_flag(skeleton_->bss->want_threads, true);
  if (auto attached = attach_hooks(calls_of(wanted)); !attached) return tl::unexpected(attached.error());
  return !followed && follows_directories();
}

void BpfSource::narrow(const Wanted& wanted) {
  const std::lock_guard lock(hooks_mutex_);
  if (detached_) return;
  set_flag(skeleton_->bss->want_env, wanted.env);
  set_flag(skeleton_->bss->want_threads, wanted.threads);
  const Calls calls = calls_of(wanted);
  std::vector<Fd> links;
  for (auto& [call, hook] : hooks_)
    if (hook.link.valid() && !calls.contains(call)) links.push_back(std::move(hook.link));
  close_all(std::move(links));
}

void BpfSource::detach() {
  const std::lock_guard lock(hooks_mutex_);
  detached_ = true;
  std::vector<Fd> links = std::exchange(process_links_, {});
  for (auto& [call, hook] : hooks_)
    if (hook.link.valid()) links.push_back(std::move(hook.link));
  close_all(std::move(links));
}

Result<> BpfSource::look_again(const RecordHandler& handler) {
  bpf_link* link = bpf_program__attach_iter(skeleton_->progs.process__snapshot, nullptr);
  if (!link) return fail_errno("cannot attach the task iterator", errno);
  Fd iterator(bpf_iter_create(bpf_link__fd(link)));
  bpf_link__destroy(link);
  if (!iterator.valid()) return fail_errno("cannot start the task iterator", errno);
  std::vector<uint64_t> words(1 << 15);
  auto* bytes = reinterpret_cast<std::byte*>(words.data());
  size_t have = 0;
  const std::span<const std::byte> all(bytes, words.size() * sizeof(uint64_t));
  for (;;) {
    ssize_t n = ::read(iterator.get(), bytes + have, all.size() - have);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n < 0) return fail_errno("cannot read the task iterator", errno);
    have += static_cast<size_t>(n);
    // Cgroups are announced through the ring, before the processes that live in them.
    drain(handler, SIZE_MAX);
    size_t at = 0;
    while (have - at >= sizeof(ev_head)) {
      const auto& head = *reinterpret_cast<const ev_head*>(bytes + at);
      if (head.size < sizeof(ev_head) || head.size % 8 != 0)
        return fail("the task iterator sent a broken record", Fault::kBug);
      if (head.size > have - at) break;
      handler(all.subspan(at, head.size));
      at += head.size;
    }
    std::memmove(bytes, bytes + at, have - at);
    have -= at;
    if (n == 0) return {};
  }
}

KernelCounts BpfSource::counts() const {
  KernelCounts out(EVT_COUNT);
  const int cpus = libbpf_num_possible_cpus();
  std::vector<KernelCount> per_cpu(static_cast<size_t>(cpus > 0 ? cpus : 1));
  static_assert(sizeof(KernelCount) == 24);
  for (__u32 type = 1; type < EVT_COUNT; ++type) {
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.counts), &type, per_cpu.data()) != 0) continue;
    for (const KernelCount& count : per_cpu) {
      out[type].sent += count.sent;
      out[type].lost_ring += count.lost_ring;
      out[type].lost_scratch += count.lost_scratch;
    }
  }
  return out;
}

}  // namespace

std::unique_ptr<Source> make_bpf_source(BpfOptions options) {
  return std::make_unique<BpfSource>(std::move(options));
}

std::vector<HostFact> probe_host() {
  using State = HostFact::State;
  std::vector<HostFact> facts;
  utsname name{};
  ::uname(&name);
  int major = 0, minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  const bool new_enough = major > 5 || (major == 5 && minor >= 17);
  facts.push_back({new_enough ? State::kGood : State::kMissing, "kernel", name.release,
                   new_enough ? "" : "Tiercel needs Linux 5.17 or later"});
  const bool root = ::geteuid() == 0;
  facts.push_back({root ? State::kGood : State::kMissing, "privileges", root ? "root" : "not root",
                   root ? "" : "run as root (sudo)"});
  const bool has_btf = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  facts.push_back({has_btf ? State::kGood : State::kMissing, "kernel BTF", "/sys/kernel/btf/vmlinux",
                   has_btf ? "" : "use a kernel built with CONFIG_DEBUG_INFO_BTF=y"});
  const bool has_tracefs = open_tracefs().valid();
  facts.push_back({has_tracefs ? State::kGood : State::kMissing, "tracefs", has_tracefs ? "reachable" : "not reachable",
                   has_tracefs ? "" : "check CONFIG_FTRACE_SYSCALLS and the kernel's lockdown mode"});
  if (root && has_btf) {
    // Nothing tells better whether the programs can be loaded than loading them.
    BpfOptions small;
    small.ring_vital_bytes = small.ring_bulk_bytes = 1u << 16;
    for (uint16_t type = 1; type < EVT_COUNT; ++type) small.wanted.events.push_back(type);
    BpfSource trial(std::move(small));
    auto loaded = trial.load();
    facts.push_back({loaded ? State::kGood : State::kMissing, "sensor's programs",
                     loaded ? "the kernel takes them" : loaded.error().message,
                     loaded ? "" : "`tiercel run --log-level debug` shows the verifier's words"});
  }
  auto lsm = read_pseudo_file("/sys/kernel/security/lsm", 4096);
  const bool bpf_lsm = lsm && ("," + *lsm + ",").find(",bpf,") != std::string::npos;
  facts.push_back(
      {bpf_lsm ? State::kGood : State::kDegraded, "BPF LSM", bpf_lsm ? "active" : "not active",
       bpf_lsm ? "" : "add bpf to the kernel's lsm= parameter to let later versions see io_uring; not needed now"});
  return facts;
}

}  // namespace tiercel::sensor
