#include "agent/sensor/push_sets.h"

#include <bpf/bpf.h>

#include <cerrno>

#include "agent/base/fd.h"

namespace tiercel::sensor {

Result<std::unique_ptr<push_set>> PushSets::put(std::unique_ptr<push_set> set) {
  if (!set && !in_force_) return set;
  const uint32_t zero = 0;
  if (!set) {
    in_force_ = false;
    if (bpf_map_delete_elem(sets_, &zero) != 0 && errno != ENOENT)
      return fail_errno("cannot take back what the kernel leaves out", errno);
    return set;
  }
  set->generation = ++generation_;
  const Fd inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "push_set", sizeof(uint32_t), sizeof(push_set), 1, nullptr));
  if (!inner.valid()) return fail_errno("cannot make the map of what the kernel leaves out", errno);
  if (bpf_map_update_elem(inner.get(), &zero, set.get(), BPF_ANY) != 0)
    return fail_errno("cannot fill the map of what the kernel leaves out", errno);
  const int inner_fd = inner.get();
  if (bpf_map_update_elem(sets_, &zero, &inner_fd, BPF_ANY) != 0)
    return fail_errno("cannot put in force what the kernel leaves out", errno);
  in_force_ = true;
  return set;
}

}  // namespace tiercel::sensor
