#include "agent/sensor/start_time.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <bpf/start_time.skel.h>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <mutex>

#include "agent/base/fd.h"

namespace tiercel::sensor {
namespace {

class KernelStartTimes final : public StartTimes {
 public:
  explicit KernelStartTimes(start_time_bpf* skeleton) : skeleton_(skeleton) {}
  ~KernelStartTimes() override { start_time_bpf__destroy(skeleton_); }

  Result<uint64_t> of(int32_t pid) override {
    const std::lock_guard lock(looking_);
    auto* wanted = const_cast<int*>(&skeleton_->bss->wanted_pid);
    std::atomic_ref<int>(*wanted).store(pid);
    // Only that process is walked, where the kernel can (6.1); an older one refuses and walks them all.
    bpf_iter_link_info info{};
    info.task.pid = static_cast<uint32_t>(pid);
    bpf_iter_attach_opts options{};
    options.sz = sizeof options;
    options.link_info = &info;
    options.link_info_len = sizeof info;
    bpf_link* link = bpf_program__attach_iter(skeleton_->progs.start__time, &options);
    if (!link && errno != ESRCH) link = bpf_program__attach_iter(skeleton_->progs.start__time, nullptr);
    if (!link) return errno == ESRCH ? Result<uint64_t>(0) : fail_errno("cannot attach the task iterator", errno);
    const Fd iterator(bpf_iter_create(bpf_link__fd(link)));
    const int failure = errno;
    bpf_link__destroy(link);
    if (!iterator.valid()) return fail_errno("cannot start the task iterator", failure);
    for (uint64_t start_ns = 0;;) {
      const ssize_t n = ::read(iterator.get(), &start_ns, sizeof start_ns);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (n < 0) return fail_errno("cannot read the task iterator", errno);
      return n == sizeof start_ns ? start_ns : 0;
    }
  }

 private:
  std::mutex looking_;
  start_time_bpf* skeleton_;  // asked of one process at a time
};

}  // namespace

Result<std::shared_ptr<StartTimes>> StartTimes::open() {
  if (::geteuid() != 0) return fail("the start of a process is read with BPF, which needs root");
  static std::mutex loading;
  static std::weak_ptr<StartTimes> held;
  const std::lock_guard lock(loading);
  if (auto open = held.lock()) return open;
  libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; });
  start_time_bpf* skeleton = start_time_bpf__open_and_load();
  if (!skeleton)
    return fail_errno(
        "the kernel refused the program that reads when a process began; `tiercel doctor` says what it lacks", errno);
  std::shared_ptr<StartTimes> opened = std::make_shared<KernelStartTimes>(skeleton);
  held = opened;
  return opened;
}

}  // namespace tiercel::sensor
