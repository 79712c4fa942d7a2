#include "agent/sensor/program_types.h"

#include <bpf/libbpf.h>

#include <utility>

#include "agent/base/fd.h"

namespace tiercel::sensor {

std::string program_types_text(bool ours_load) {
  constexpr size_t kBtfMax = 64u << 20;
  constexpr std::pair<bpf_prog_type, const char*> kTypes[] = {
      {BPF_PROG_TYPE_TRACEPOINT, "tracepoint"},
      {BPF_PROG_TYPE_RAW_TRACEPOINT, "raw tracepoint"},
      {BPF_PROG_TYPE_KPROBE, "kprobe"},
  };
  std::string loads, not_loads;
  const auto add = [&](bool there, const char* name) {
    std::string& to = there ? loads : not_loads;
    to.append(to.empty() ? "" : ", ").append(name);
  };
  add(ours_load, "BTF tracepoint and iterator");
  for (const auto& [type, name] : kTypes) add(::libbpf_probe_bpf_prog_type(type, nullptr) == 1, name);
  const auto btf = read_pseudo_file("/sys/kernel/btf/vmlinux", kBtfMax);
  add(btf && btf->find("bpf_lsm_bprm_check_security") != std::string::npos, "lsm");
  return not_loads.empty() ? loads : loads + "; not: " + not_loads;
}

}  // namespace tiercel::sensor
