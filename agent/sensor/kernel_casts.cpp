#include "agent/sensor/kernel_casts.h"

#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <bpf/tiercel.skel.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "agent/sensor/kernel_functions.h"
#include "agent/sensor/kernel_types.h"
#include "bpf/schema/cast.h"

namespace tiercel::sensor {
namespace {

// Each "r0 = CAST_MARK" becomes a call. Sections of programs lie at multiples of 8 in the object.
void call_where_marked(std::string& object, int function) {
  const bpf_insn mark{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = CAST_MARK};
  const bpf_insn call{.code = BPF_JMP | BPF_CALL, .dst_reg = 0, .src_reg = BPF_PSEUDO_KFUNC_CALL, .off = 0, .imm = function};
  for (size_t at = 0; at + sizeof mark <= object.size(); at += sizeof mark)
    if (std::memcmp(object.data() + at, &mark, sizeof mark) == 0) std::memcpy(object.data() + at, &call, sizeof call);
}

}  // namespace

tiercel_bpf* open_object() {
  auto* made = static_cast<tiercel_bpf*>(std::calloc(1, sizeof(tiercel_bpf)));
  if (!made) return nullptr;
  const int cast = KernelFunctions().id("bpf_rdonly_cast");
  const auto options = with_kernel_types<bpf_object_open_opts>();
  int err = tiercel_bpf__create_skeleton(made);
  if (err == 0 && cast > 0) {
    std::string object(static_cast<const char*>(made->skeleton->data), made->skeleton->data_sz);
    call_where_marked(object, cast);
    // what libbpf needs of it later it has copied when it returns
    const void* const unchanged = std::exchange(made->skeleton->data, object.data());
    err = bpf_object__open_skeleton(made->skeleton, &options);
    made->skeleton->data = unchanged;
  } else if (err == 0) {
    err = bpf_object__open_skeleton(made->skeleton, &options);
  }
  if (err != 0) {
    tiercel_bpf__destroy(made);
    errno = -err;
    return nullptr;
  }
  made->rodata->kernel_casts = cast > 0;
  return made;
}

}  // namespace tiercel::sensor
