// Which types of BPF programs this kernel loads, for `tiercel doctor`. As root; any thread.
#pragma once

#include <string>

namespace tiercel::sensor {

// "tracepoint, raw tracepoint, kprobe, lsm; not: ..." ours_load: the sensor's own programs do, which are tracepoints by
// BTF and iterators among others. libbpf's probe for those and for LSM goes by words of the verifier that newer kernels
// do not say, so LSM is looked up in the kernel's BTF.
[[nodiscard]] std::string program_types_text(bool ours_load);

}  // namespace tiercel::sensor
