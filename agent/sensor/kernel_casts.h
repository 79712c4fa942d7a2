// The sensor's object, opened. Where the kernel has bpf_rdonly_cast(), its programs are made to call it (bpf/schema/cast.h): read
// members of the kernel's structs then cost a load instead of a helper's call. One thread at a time.
#pragma once

struct tiercel_bpf;

namespace tiercel::sensor {

// To be destroyed with tiercel_bpf__destroy(). Null, and errno: it cannot be opened.
[[nodiscard]] tiercel_bpf* open_object();

}  // namespace tiercel::sensor
