#include "agent/sensor/guard.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <unistd.h>

#include <bpf/guard.skel.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include "agent/base/fd.h"

namespace tiercel::sensor {
namespace {

constexpr const char* kLsmList = "/sys/kernel/security/lsm";
constexpr size_t kInfoBytesMax = 8'192;

// "key:\tnumber" of a /proc/PID/fdinfo; 0: it has no such line.
uint32_t number_in(const std::string& info, const std::string& key) {
  const size_t at = info.find(key + ":");
  if (at == std::string::npos || (at != 0 && info[at - 1] != '\n')) return 0;
  return static_cast<uint32_t>(std::strtoul(info.c_str() + at + key.size() + 1, nullptr, 10));
}

class KernelGuard final : public Guard {
 public:
  explicit KernelGuard(guard_bpf* skeleton) : skeleton_(skeleton) {}
  ~KernelGuard() override { guard_bpf__destroy(skeleton_); }

  Result<> add_process(pid_t pid, uint64_t start_ns) override {
    const auto key = static_cast<uint32_t>(pid);
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.guarded), &key, &start_ns, BPF_ANY) == 0) return {};
    return fail_errno("cannot guard process " + std::to_string(pid), errno);
  }

  Result<> add_own_objects() override {
    DIR* folder = ::opendir("/proc/self/fdinfo");
    if (folder == nullptr) return fail_errno("cannot read /proc/self/fdinfo", errno);
    const std::unique_ptr<DIR, int (*)(DIR*)> owner(folder, ::closedir);
    int failure = 0;
    while (const dirent* entry = ::readdir(folder)) {
      const auto info = read_pseudo_file(std::string("/proc/self/fdinfo/") + entry->d_name, kInfoBytesMax);
      if (!info) continue;
      failure |= add(bpf_map__fd(skeleton_->maps.own_maps), number_in(*info, "map_id"));
      failure |= add(bpf_map__fd(skeleton_->maps.own_links), number_in(*info, "link_id"));
    }
    if (failure != 0) return fail("some of the sensor's maps and hooks are not guarded: there are too many");
    return {};
  }

  [[nodiscard]] uint64_t denied() const override {
    return skeleton_->bss->denied_kills + skeleton_->bss->denied_traces + skeleton_->bss->denied_bpf;
  }

 private:
  static int add(int map, uint32_t id) {
    constexpr uint8_t kOurs = 1;
    return id == 0 ? 0 : bpf_map_update_elem(map, &id, &kOurs, BPF_ANY);
  }
  guard_bpf* skeleton_;
};

}  // namespace

bool lsm_list_has_bpf(std::string_view list) {
  while (!list.empty()) {
    const size_t end = std::min(list.find_first_of(",\n"), list.size());
    if (list.substr(0, end) == "bpf") return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

bool bpf_lsm_is_active() {
  const auto list = read_pseudo_file(kLsmList, kInfoBytesMax);
  return list && lsm_list_has_bpf(*list);
}

Result<std::unique_ptr<Guard>> Guard::open() {
  if (!bpf_lsm_is_active())
    return fail(std::string("BPF LSM is not active (") + kLsmList + " does not name bpf): boot with lsm=...,bpf");
  guard_bpf* skeleton = guard_bpf__open_and_load();
  if (!skeleton) return fail_errno("the kernel refused the programs that guard the agent", errno);
  auto guard = std::make_unique<KernelGuard>(skeleton);
  if (const int failure = guard_bpf__attach(skeleton); failure != 0)
    return fail_errno("cannot attach the programs that guard the agent", -failure);
  return std::unique_ptr<Guard>(std::move(guard));
}

}  // namespace tiercel::sensor
