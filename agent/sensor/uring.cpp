#include "agent/sensor/uring.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "agent/base/log.h"
#include "agent/sensor/hooks.h"
#include "agent/sensor/kernel_types.h"

namespace tiercel::sensor {
namespace {

// What the operations stand for: uring__type() of bpf/include/uring_ask.h.
constexpr uint16_t kStandFor[] = {
    EVT_openat,  EVT_openat2,  EVT_unlinkat, EVT_mkdirat, EVT_renameat2, EVT_linkat,   EVT_symlinkat,
    EVT_socket,  EVT_connect,  EVT_accept4,  EVT_bind,    EVT_listen,    EVT_shutdown, EVT_sendto,
    EVT_sendmsg, EVT_recvfrom, EVT_recvmsg,  EVT_read,    EVT_write,     EVT_readv,    EVT_writev,
};

// How many arguments the tracepoint gives; 0: the kernel has none of that name. The kernel's list counts one more, of
// its own.
uint16_t tracepoint_arguments(const btf& types, const char* name) {
  const int id = btf__find_by_name_kind(&types, (std::string("btf_trace_") + name).c_str(), BTF_KIND_TYPEDEF);
  if (id < 0) return 0;
  const btf_type* pointer = btf__type_by_id(&types, btf__type_by_id(&types, static_cast<__u32>(id))->type);
  if (!pointer || !btf_is_ptr(pointer)) return 0;
  const btf_type* function = btf__type_by_id(&types, pointer->type);
  if (!function || !btf_is_func_proto(function) || btf_vlen(function) == 0) return 0;
  return static_cast<uint16_t>(btf_vlen(function) - 1);
}

// What the programs read. Where a kernel has it otherwise they would not load, or read something else.
struct Needed {
  const char* type;
  const char* member;
  bool pointer = false;
};
constexpr Needed kNeeded[] = {
    {"io_kiocb", "file", true},
    {"io_kiocb", "opcode"},
    {"io_kiocb", "flags"},
    {"io_kiocb", "cqe"},
    {"io_kiocb", "ctx", true},
    {"io_kiocb", "async_data", true},
    {"io_kiocb", "creds", true},
    {"io_cqe", "user_data"},
    {"io_cqe", "res"},
    {"io_cqe", "fd"},
    {"filename", "name", true},
    {"io_open", "dfd"},
    {"io_open", "file_slot"},
    {"io_open", "filename", true},
    {"io_open", "how"},
    {"io_rename", "old_dfd"},
    {"io_rename", "new_dfd"},
    {"io_rename", "oldpath", true},
    {"io_rename", "newpath", true},
    {"io_rename", "flags"},
    {"io_unlink", "dfd"},
    {"io_unlink", "flags"},
    {"io_unlink", "filename", true},
    {"io_link", "old_dfd"},
    {"io_link", "new_dfd"},
    {"io_link", "oldpath", true},
    {"io_link", "newpath", true},
    {"io_link", "flags"},
    {"io_mkdir", "dfd"},
    {"io_mkdir", "mode"},
    {"io_mkdir", "filename", true},
    {"io_socket", "domain"},
    {"io_socket", "type"},
    {"io_socket", "protocol"},
    {"io_socket", "file_slot"},
    {"io_accept", "flags"},
    {"io_accept", "file_slot"},
    {"io_connect", "addr", true},
    {"io_connect", "addr_len"},
    {"io_shutdown", "how"},
    {"io_sr_msg", "buf", true},
    {"io_sr_msg", "len"},
    {"io_sr_msg", "msg_flags"},
    {"io_rw", "kiocb"},
    {"io_rw", "addr"},
    {"io_rw", "len"},
    {"io_async_msghdr", "msg"},
    {"io_ring_ctx", "file_table"},
};

// Members of members without a name count as its own.
bool has_member(const btf& types, __u32 id, const Needed& needed, int depth = 0) {
  const btf_type* type = btf__type_by_id(&types, id);
  if (!type || !btf_is_composite(type) || depth > 4) return false;
  const btf_member* members = btf_members(type);
  for (__u16 n = 0; n < btf_vlen(type); ++n) {
    const std::string_view name = btf__name_by_offset(&types, members[n].name_off);
    if (name.empty() && has_member(types, members[n].type, needed, depth + 1)) return true;
    if (name == needed.member) return !needed.pointer || btf_is_ptr(btf__type_by_id(&types, members[n].type));
  }
  return false;
}

bool is_as_needed(const btf& types) {
  return std::all_of(std::begin(kNeeded), std::end(kNeeded), [&](const Needed& needed) {
    const int id = btf__find_by_name_kind(&types, needed.type, BTF_KIND_STRUCT);
    return id > 0 && has_member(types, static_cast<__u32>(id), needed);
  });
}

// The mask of a flag of requests, from the number of its bit.
uint32_t flag_of(const btf& types, std::string_view bit_name) {
  const __u32 end = btf__type_cnt(&types);
  for (__u32 id = 1; id < end; ++id) {
    const btf_type* type = btf__type_by_id(&types, id);
    if (!btf_is_enum(type)) continue;
    const auto* values = btf_enum(type);
    for (__u16 n = 0; n < btf_vlen(type); ++n)
      if (bit_name == btf__name_by_offset(&types, values[n].name_off) && values[n].val >= 0 && values[n].val < 32)
        return uint32_t{1} << values[n].val;
  }
  return 0;
}

}  // namespace

std::set<uint16_t> hooks_of(const Wanted& wanted) {
  std::set<uint16_t> types = calls_of(wanted);
  if (std::any_of(std::begin(kStandFor), std::end(kStandFor), [&](uint16_t type) { return types.contains(type); }))
    types.insert(kUringHooks);
  return types;
}

Uring uring_of(const btf& types) {
  Uring out;
  const uint16_t complete = tracepoint_arguments(types, "io_uring_complete");
  const bool submit_req = tracepoint_arguments(types, "io_uring_submit_req") == 1;
  // v5.19 (48863ffd3e81); before, it came with more arguments
  const bool submit_sqe = tracepoint_arguments(types, "io_uring_submit_sqe") == 2;
  if ((complete != 3 && complete != 7) || !(submit_req || submit_sqe) || !is_as_needed(types)) return out;
  out.programs.insert(submit_req ? "uring__submit_req" : "uring__submit_sqe");
  out.programs.insert(complete == 3 ? "uring__complete" : "uring__complete_values");
  if (tracepoint_arguments(types, "io_uring_cqe_overflow") != 0) out.programs.insert("uring__overflow");
  if (tracepoint_arguments(types, "io_uring_fail_link") != 0) out.programs.insert("uring__fail_link");
  out.programs.insert("uring__gone");
  out.flags[URF_CREDS] = flag_of(types, "REQ_F_CREDS_BIT");
  out.flags[URF_ASYNC_DATA] = flag_of(types, "REQ_F_ASYNC_DATA_BIT");
  out.flags[URF_MULTISHOT] = flag_of(types, "REQ_F_APOLL_MULTISHOT_BIT");
  return out;
}

const Uring& uring_of_kernel() {
  static const Uring uring = [] {
    const auto types = kernel_types();
    Uring found = types ? uring_of(*types) : Uring{};
    if (found.programs.empty())
      log::warning("this kernel's io_uring is not one that we know: what goes through it will not be seen");
    return found;
  }();
  return uring;
}

}  // namespace tiercel::sensor
