// The kernel's own types (BTF), named for libbpf. Left to itself libbpf looks, for a type that the kernel lacks since
// it is of an older or younger one, through the types of all modules; that needs CAP_SYS_ADMIN, and without it the load
// fails (libbpf before 1.5). Any thread.
#pragma once

#include <unistd.h>

namespace tiercel::sensor {

// Options is libbpf's bpf_object_open_opts, which this header does not need to know. Where the file is not there libbpf
// knows older places.
template <class Options>
[[nodiscard]] Options with_kernel_types() {
  constexpr const char* kPath = "/sys/kernel/btf/vmlinux";
  Options options{};
  options.sz = sizeof options;
  options.btf_custom_path = ::access(kPath, R_OK) == 0 ? kPath : nullptr;
  return options;
}

}  // namespace tiercel::sensor
