#include "agent/sensor/bpf_source.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <unistd.h>

#include <bpf/tiercel.skel.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "agent/base/broker.h"
#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/sensor/bpf_object.h"
#include "agent/sensor/call_hooks.h"
#include "agent/sensor/controller.h"
#include "agent/sensor/guarded_flags.h"
#include "agent/sensor/hooks.h"
#include "agent/sensor/host.h"
#include "agent/sensor/kernel_types.h"
#include "agent/sensor/leave_behind.h"
#include "agent/sensor/loss_table.h"
#include "agent/sensor/merge.h"
#include "agent/sensor/push_programs.h"
#include "agent/sensor/push_sets.h"
#include "agent/sensor/ring.h"
#include "agent/sensor/uring.h"
#include "agent/sensor/way.h"

namespace tiercel::sensor {
namespace {

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

// Closing a link takes the kernel tens of milliseconds, nearly all waiting: side by side they take as long as one.
void close_all(std::vector<Fd> links) {
  std::vector<std::thread> threads;
  for (Fd& link : links) threads.emplace_back([&link] { link.reset(); });
  for (std::thread& thread : threads) thread.join();
}

class BpfSource final : public Source {
 public:
  explicit BpfSource(BpfOptions options) : options_(std::move(options)) {}
  ~BpfSource() override {
    detach();
    leave_behind(std::move(left_));
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
  Result<> look_at_cpus(const RecordHandler& handler, const RecordHandler& others) override;
  void detach() override;
  [[nodiscard]] std::vector<int> wait_fds() const override { return {vital_->fd(), bulk_->fd()}; }
  int wait_ms(size_t handled) override;
  [[nodiscard]] KernelCounts counts() const override;
  [[nodiscard]] bool asks_for_programs() const override { return running_.ask(); }
  void tell_programs(std::span<const RunningProgram> programs) override { running_.tell(programs); }
  [[nodiscard]] std::vector<AttachedHook> attached() const override;
  [[nodiscard]] std::string_view way() const override { return way_name(calls_.way()); }
  [[nodiscard]] std::vector<CgroupLoss> cgroup_losses() const override;
  [[nodiscard]] bool knows_cgroup(uint64_t cgroup_id) const override;
  void know_container(uint64_t cgroup_id, bool is_one) override { kernel_.know_container(cgroup_id, is_one); }
  void protect(uint32_t pid, bool descendants) override { kernel_.protect(pid, descendants); }
  [[nodiscard]] bool in_force(uint64_t id) const override;
  [[nodiscard]] std::optional<KernelDeed> kernel_deed(uint64_t id, uint32_t pid, uint64_t start_ns,
                                                      uint32_t exec_id) const override {
    return kernel_.deed(id, pid, start_ns, exec_id);
  }
  [[nodiscard]] std::array<RingFill, 2> ring_fills() const override {
    return {RingFill{"vital", vital_->used_bytes(), vital_->size_bytes()},
            RingFill{"bulk", bulk_->used_bytes(), bulk_->size_bytes()}};
  }
  [[nodiscard]] size_t ring_bytes() const override { return options_.ring_vital_bytes + options_.ring_bulk_bytes; }

  std::vector<MapGuard::Finding> mend_maps() override { return maps_.check(); }

  Result<> load();

 private:
  void note_lag();
  Result<> iterate(int program, const RecordHandler& handler, const RecordHandler& others);
  Result<> load_objects();
  Result<> map_rings();
  Result<> attach();
  void tell(const Wanted& wanted, bool only);
  Result<> respond(std::vector<KernelResponse> responses);
  void push_never();
  Result<> leave_out(const PushMaker& push);
  void set_flag(volatile bool& flag, bool value) {
    const auto change = maps_.change();
    std::atomic_ref<bool>(const_cast<bool&>(flag)) = value;
  }

  BpfOptions options_;
  BpfObject skeleton_;
  std::unique_ptr<Ring> vital_, bulk_;
  unsigned quiet_turns_ = 0;
  uint64_t longest_lag_ns_ = 0;
  SystemClock clock_;
  std::atomic<int> cpu_time_{-1};  // the program's descriptor, once loaded: one of the calls'

  mutable std::mutex hooks_mutex_;  // of what follows: rules may be reloaded while the loop ends
  bool detached_ = false;
  std::vector<CallHooks::Link> process_links_;
  CallHooks calls_;
  std::vector<Fd> left_;  // taken away while we end
  MapGuard maps_;
  KernelResponses kernel_;
  PushSets push_;
  PushPrograms running_;
  std::vector<KernelResponse> responses_;  // those that were asked of it
  mutable std::mutex in_force_mutex_;
  std::set<uint64_t> in_force_;
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
  return vital_->peek(record) == Ring::Head::kEmpty && bulk_->peek(record) == Ring::Head::kEmpty ? -1 : 0;
}

bool wants_cpu_time(const Wanted& wanted) {
  return std::find(wanted.events.begin(), wanted.events.end(), EVT_procinfo) != wanted.events.end();
}

Result<> BpfSource::load() {
  libbpf_set_print(log_libbpf);
  if (::geteuid() != 0) return explain_load_failure(EPERM);
  const auto types = kernel_types();  // read once for all that follows
  auto way = choose_way(options_.attach);
  if (!way) return tl::unexpected(way.error());
  calls_.set_way(*way);
  calls_.set_compat(options_.compat_calls);
  auto loaded = load_objects();
  if (!loaded && *way != Way::kTracepoint && !way_of(options_.attach)) {
    log::warning("the kernel does not take the programs that hang on its functions ({}): they hang on tracepoints",
                 loaded.error().message);
    calls_.set_way(Way::kTracepoint);
    loaded = load_objects();
  }
  return loaded ? map_rings() : loaded;
}

Result<> BpfSource::load_objects() {
  skeleton_.reset();
  skeleton_ = open_object();
  if (!skeleton_) return explain_load_failure(errno);
  skeleton_->rodata->cgroup_subsys = container_controller();
  skeleton_->rodata->page_kib = static_cast<__u32>(::sysconf(_SC_PAGESIZE) / 1024);
  std::ranges::copy(uring_of_kernel().flags, skeleton_->rodata->uring_flags);
  const BudgetLimits limits = budget_limits(options_.ring_bulk_bytes, options_.budget);
  std::copy(limits.begin(), limits.end(), skeleton_->rodata->budget_limits);
  tell(options_.wanted, true);
  calls_.prepare(*skeleton_);
  bpf_map__set_max_entries(skeleton_->maps.ring_vital, static_cast<__u32>(options_.ring_vital_bytes));
  bpf_map__set_max_entries(skeleton_->maps.ring_bulk, static_cast<__u32>(options_.ring_bulk_bytes));
  if (int err = tiercel_bpf__load(skeleton_.get()); err != 0) return explain_load_failure(-err);
  std::set<std::string> others;
  if (wants_cpu_time(options_.wanted)) others.emplace(kCpuTimeProgram);
  if (auto loaded = calls_.load(hooks_of(options_.wanted), others); !loaded) return loaded;
  cpu_time_ = calls_.other(std::string(kCpuTimeProgram));
  return {};
}

Result<> BpfSource::map_rings() {
  if (auto rows = prepare_loss_rows(bpf_map__fd(skeleton_->maps.lost_by_cgroup)); !rows) return rows;
  const auto& maps = skeleton_->maps;
  kernel_ =
      KernelResponses({bpf_map__fd(maps.cond_sets), bpf_map__fd(maps.cond_texts), bpf_map__fd(maps.cond_containers),
                       bpf_map__fd(maps.cond_protected), bpf_map__fd(maps.cond_budgets), bpf_map__fd(maps.cond_deeds)});
  kernel_.protect(static_cast<uint32_t>(::getpid()), true);
  push_ = PushSets(bpf_map__fd(maps.push_sets));
  running_.set_map(bpf_map__fd(maps.push_programs));
  push_never();
  for (auto [map, size, ring] : {std::tuple{skeleton_->maps.ring_vital, options_.ring_vital_bytes, &vital_},
                                 std::tuple{skeleton_->maps.ring_bulk, options_.ring_bulk_bytes, &bulk_}}) {
    auto mapped = Ring::map(bpf_map__fd(map), size);
    if (!mapped) return tl::unexpected(mapped.error());
    *ring = std::make_unique<Ring>(std::move(*mapped));
  }
  return {};
}

// What the programs read at run time. only: what is not wanted is taken back too.
void BpfSource::tell(const Wanted& wanted, bool only) {
  if (wanted.env || only) set_flag(skeleton_->bss->want_env, wanted.env);
  if (wanted.threads || only) set_flag(skeleton_->bss->want_threads, wanted.threads);
  if (wanted.cgroups || only) set_flag(skeleton_->bss->want_cgroups, wanted.cgroups);
  if (wanted.stdio || only) set_flag(skeleton_->bss->want_stdio, wanted.stdio);
  if (wanted.roles || only) set_flag(skeleton_->bss->want_roles, wanted.roles);
  const std::set<uint16_t> events(wanted.events.begin(), wanted.events.end());
  const auto change = maps_.change();
  for (uint16_t type = 1; type < EVT_COUNT; ++type) {
    const bool told = events.contains(type);
    if (told || only) std::atomic_ref<uint8_t>(const_cast<uint8_t&>(skeleton_->bss->told[type])) = told ? 1 : 0;
  }
}

Result<> BpfSource::attach() {
  guard_flags(maps_, *skeleton_->bss);
  const std::lock_guard lock(hooks_mutex_);
  for (const char* program : {"process__fork", "process__exec", "process__exit", "cgroup__gone"}) {
    Fd link(bpf_raw_tracepoint_open(nullptr, calls_.other(program)));
    if (!link.valid()) return fail_errno(fmt::format("cannot attach {}", program), errno);
    process_links_.push_back({0, program, "BTF tracepoint", std::move(link)});
  }
  if (auto attached = calls_.attach(hooks_of(options_.wanted)); !attached) return attached;
  const PushMaker push = std::exchange(options_.wanted.push, nullptr);  // it holds the rules
  if (auto out = leave_out(push); !out) return out;
  return respond(options_.wanted.responses);
}

// Children of ours try the hooks, and nothing of that is left out.
void BpfSource::push_never() {
  const auto change = maps_.change();
  uint32_t at = 0;
  for (const int pid : {::getpid(), broker::pid()})
    if (pid > 0)
      std::atomic_ref<uint32_t>(const_cast<uint32_t&>(skeleton_->bss->push_never[at++])) = static_cast<uint32_t>(pid);
}

// From here on, and nothing else.
Result<> BpfSource::leave_out(const PushMaker& push) {
  set_flag(skeleton_->bss->push_on, false);
  auto put = push_.put(push ? push() : nullptr);
  if (!put) return tl::unexpected(put.error());
  running_.came(std::move(*put));
  set_flag(skeleton_->bss->push_on, push_.in_force());
  return {};
}

// Those and no others, from here on.
Result<> BpfSource::respond(std::vector<KernelResponse> responses) {
  if (responses == responses_) return {};
  auto set = kernel_.set(responses);
  if (!set) return tl::unexpected(set.error());
  std::set<uint64_t> in_force;
  for (size_t n = 0; n < responses.size(); ++n)
    if ((*set)[n]) in_force.insert(responses[n].id);
  set_flag(skeleton_->bss->want_verdicts, !in_force.empty());
  const std::lock_guard lock(in_force_mutex_);
  in_force_ = std::move(in_force);
  responses_ = std::move(responses);
  return {};
}

bool BpfSource::in_force(uint64_t id) const {
  const std::lock_guard lock(in_force_mutex_);
  return in_force_.contains(id);
}

Result<bool> BpfSource::widen(const Wanted& wanted) {
  const std::lock_guard lock(hooks_mutex_);
  if (detached_) return fail("the sensor has ended");
  const bool followed = calls_.attached(EVT_chdir);
  // What either set needs: until the new one judges, all.
  if (auto out = leave_out(nullptr); !out) return tl::unexpected(out.error());
  tell(wanted, false);
  if (wants_cpu_time(wanted) && cpu_time_ < 0) {
    if (auto loaded = calls_.load_other(std::string(kCpuTimeProgram)); !loaded) return tl::unexpected(loaded.error());
    cpu_time_ = calls_.other(std::string(kCpuTimeProgram));
  }
  if (auto attached = calls_.attach(hooks_of(wanted)); !attached) return tl::unexpected(attached.error());
  // Until the new set judges, the kernel does by itself what both sets ask of it.
  std::vector<KernelResponse> both;
  for (const KernelResponse& response : responses_)
    if (std::find(wanted.responses.begin(), wanted.responses.end(), response) != wanted.responses.end())
      both.push_back(response);
  if (auto done = respond(std::move(both)); !done) return tl::unexpected(done.error());
  return !followed && calls_.attached(EVT_chdir);
}

void BpfSource::narrow(const Wanted& wanted) {
  const std::lock_guard lock(hooks_mutex_);
  if (detached_) return;
  tell(wanted, true);
  if (auto done = respond(wanted.responses); !done)
    log::error("the kernel does no responses by itself, user space does them all: {}", done.error().message);
  if (auto out = leave_out(wanted.push); !out)
    log::warning("the kernel leaves nothing out, and all events come here: {}", out.error().message);
  close_all(calls_.keep_only(hooks_of(wanted)));
}

void BpfSource::detach() {
  const std::lock_guard lock(hooks_mutex_);
  if (std::exchange(detached_, true)) return;
  left_ = calls_.keep_only({});
  if (!left_.empty()) set_flag(skeleton_->bss->muted, true);
  std::vector<Fd> links;
  for (CallHooks::Link& link : std::exchange(process_links_, {})) links.push_back(std::move(link.fd));
  close_all(std::move(links));
}

Result<> BpfSource::look_again(const RecordHandler& handler) {
  return iterate(calls_.other("process__snapshot"), handler, handler);
}

Result<> BpfSource::look_at_cpus(const RecordHandler& handler, const RecordHandler& others) {
  return cpu_time_ < 0 ? fail("the program is not loaded", Fault::kBug) : iterate(cpu_time_, handler, others);
}

// A read gives 32 KiB or less, and the rings are emptied after each: however many tasks there are, no record waits
// long.
Result<> BpfSource::iterate(int program, const RecordHandler& handler, const RecordHandler& others) {
  Fd link(bpf_link_create(program, 0, BPF_TRACE_ITER, nullptr));
  if (!link.valid()) return fail_errno("cannot attach the task iterator", errno);
  Fd iterator(bpf_iter_create(link.get()));
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
    drain(others, SIZE_MAX);
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

// Some types at a time: it is asked every second, and one call each would be more events than a quiet host has.
KernelCounts BpfSource::counts() const {
  constexpr __u32 kTypes = 32;
  KernelCounts out(EVT_COUNT);
  const int possible = libbpf_num_possible_cpus();
  const auto cpus = static_cast<size_t>(possible > 0 ? possible : 1);
  std::vector<KernelCount> counts(kTypes * cpus);
  static_assert(sizeof(KernelCount) == 40);
  std::array<__u32, kTypes> types{};
  __u32 next = 0;
  for (bool more = true, first = true; more; first = false) {
    __u32 n = kTypes;
    more = bpf_map_lookup_batch(bpf_map__fd(skeleton_->maps.counts), first ? nullptr : &next, &next, types.data(),
                                counts.data(), &n, nullptr) == 0;
    if (!more && errno != ENOENT) break;  // ENOENT: these were the last
    for (size_t at = 0; at < n * cpus; ++at) {
      if (types[at / cpus] >= EVT_COUNT) continue;
      KernelCount& sum = out[types[at / cpus]];
      sum.sent += counts[at].sent;
      sum.lost_ring += counts[at].lost_ring;
      sum.lost_scratch += counts[at].lost_scratch;
      sum.held_back += counts[at].held_back;
      sum.filtered += counts[at].filtered;
    }
  }
  return out;
}

// A descriptor of ours that is closed, or means something else by now, names no link with a program. What is known of
// the program itself comes by our own descriptors, `programs`: the kernel gives one by its id to CAP_SYS_ADMIN only.
AttachedHook attached_hook(const CallHooks::Link& link, const std::vector<int>& programs) {
  AttachedHook hook{link.type, link.program, link.how};
  bpf_link_info info{};
  __u32 size = sizeof info;
  if (bpf_obj_get_info_by_fd(link.fd.get(), &info, &size) != 0 || info.prog_id == 0) return hook;
  hook.link_id = info.id;
  hook.program_id = info.prog_id;
  for (const int program : programs) {
    bpf_prog_info about{};
    size = sizeof about;
    if (bpf_obj_get_info_by_fd(program, &about, &size) != 0 || about.id != info.prog_id) continue;
    std::memcpy(&hook.tag, about.tag, sizeof hook.tag);
    hook.missed = about.recursion_misses;
  }
  return hook;
}

std::vector<AttachedHook> BpfSource::attached() const {
  const std::lock_guard lock(hooks_mutex_);
  std::vector<AttachedHook> hooks;
  for (const CallHooks::Link& link : process_links_) hooks.push_back(attached_hook(link, {calls_.other(link.program)}));
  for (const CallHooks::Link* link : calls_.links())
    hooks.push_back(attached_hook(*link, calls_.descriptors(link->program)));
  return hooks;
}

bool BpfSource::knows_cgroup(uint64_t cgroup_id) const {
  uint8_t seen = 0;
  return bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.cgroups_seen), &cgroup_id, &seen) == 0;
}

std::vector<CgroupLoss> BpfSource::cgroup_losses() const {
  return read_cgroup_losses(bpf_map__fd(skeleton_->maps.lost_by_cgroup));
}

}  // namespace

std::unique_ptr<Source> make_bpf_source(BpfOptions options) {
  return std::make_unique<BpfSource>(std::move(options));
}

Result<> try_programs(std::string_view attach) {
  BpfOptions small;
  small.attach = attach;
  small.ring_vital_bytes = small.ring_bulk_bytes = 1u << 16;
  for (uint16_t type = 1; type < EVT_COUNT; ++type) small.wanted.events.push_back(type);
  return BpfSource(std::move(small)).load();
}

}  // namespace tiercel::sensor
