#include "agent/sensor/controller.h"

#include <bpf/btf.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "agent/base/fd.h"
#include "agent/sensor/kernel_types.h"

namespace tiercel::sensor {

int container_controller() {
  auto text = read_pseudo_file("/proc/cgroups", 1 << 16);
  if (!text) return -1;
  const auto types = kernel_types();
  if (!types) return -1;
  const btf* vmlinux = types.get();
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
  return found;
}

}  // namespace tiercel::sensor
