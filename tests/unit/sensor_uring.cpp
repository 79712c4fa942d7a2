// Which of the programs for io_uring a kernel has a place for, by its types.
#include <bpf/btf.h>

#include <initializer_list>
#include <memory>
#include <string>

#include <doctest/doctest.h>
#include "agent/sensor/hooks.h"
#include "agent/sensor/uring.h"

using namespace tiercel::sensor;

namespace {

using Types = std::unique_ptr<btf, void (*)(btf*)>;

// btf_trace_NAME, as kernels have it: a pointer to a function that takes a pointer of its own, and the arguments.
void add_tracepoint(btf* types, const char* name, int arguments) {
  const int number = btf__add_int(types, "int", 4, BTF_INT_SIGNED);
  const int function = btf__add_func_proto(types, 0);
  for (int n = 0; n <= arguments; ++n) REQUIRE(btf__add_func_param(types, "", number) == 0);
  const int pointer = btf__add_ptr(types, function);
  REQUIRE(btf__add_typedef(types, (std::string("btf_trace_") + name).c_str(), pointer) > 0);
}

// All members that the programs read, of any kind: "s: a b *c".
void add_struct(btf* types, const char* name, std::initializer_list<const char*> members) {
  const int number = btf__add_int(types, "long", 8, BTF_INT_SIGNED), pointer = btf__add_ptr(types, 0);
  REQUIRE(btf__add_struct(types, name, static_cast<__u32>(8 * members.size())) > 0);
  uint32_t bits = 0;
  for (const char* member : members) {
    const bool is_pointer = *member == '*';
    REQUIRE(btf__add_field(types, member + is_pointer, is_pointer ? pointer : number, bits, 0) == 0);
    bits += 64;
  }
}

void add_structs(btf* types, const char* filename) {
  add_struct(types, "io_kiocb", {"*file", "opcode", "flags", "cqe", "*ctx", "*async_data", "*creds"});
  add_struct(types, "io_cqe", {"user_data", "res", "fd"});
  add_struct(types, "filename", {"*name"});
  add_struct(types, "io_open", {"dfd", "file_slot", filename, "how"});
  add_struct(types, "io_rename", {"old_dfd", "new_dfd", "*oldpath", "*newpath", "flags"});
  add_struct(types, "io_unlink", {"dfd", "flags", "*filename"});
  add_struct(types, "io_link", {"old_dfd", "new_dfd", "*oldpath", "*newpath", "flags"});
  add_struct(types, "io_mkdir", {"dfd", "mode", "*filename"});
  add_struct(types, "io_socket", {"domain", "type", "protocol", "file_slot"});
  add_struct(types, "io_accept", {"flags", "file_slot"});
  add_struct(types, "io_connect", {"*addr", "addr_len"});
  add_struct(types, "io_shutdown", {"how"});
  add_struct(types, "io_sr_msg", {"*buf", "len", "msg_flags"});
  add_struct(types, "io_rw", {"kiocb", "addr", "len"});
  add_struct(types, "io_async_msghdr", {"msg"});
  add_struct(types, "io_ring_ctx", {"file_table"});
}

Types kernel(const char* submit, int submit_arguments, int complete_arguments, int creds_bit,
             const char* filename = "*filename") {
  Types types(btf__new_empty(), btf__free);
  add_tracepoint(types.get(), "io_uring_create", 5);
  add_tracepoint(types.get(), submit, submit_arguments);
  add_tracepoint(types.get(), "io_uring_complete", complete_arguments);
  add_tracepoint(types.get(), "io_uring_cqe_overflow", 5);
  add_tracepoint(types.get(), "io_uring_fail_link", 2);
  add_structs(types.get(), filename);
  REQUIRE(btf__add_enum(types.get(), "", 4) > 0);
  REQUIRE(btf__add_enum_value(types.get(), "REQ_F_FIXED_FILE_BIT", 0) == 0);
  REQUIRE(btf__add_enum_value(types.get(), "REQ_F_CREDS_BIT", creds_bit) == 0);
  return types;
}

}  // namespace

TEST_CASE("the programs that fit the tracepoints") {
  const Uring old = uring_of(*kernel("io_uring_submit_sqe", 2, 7, 18));
  CHECK(old.programs == std::set<std::string>{"uring__submit_sqe", "uring__complete_values", "uring__overflow",
                                              "uring__fail_link", "uring__gone"});
  CHECK(old.flags[URF_CREDS] == 1u << 18);
  CHECK(old.flags[URF_MULTISHOT] == 0);
  const Uring now = uring_of(*kernel("io_uring_submit_req", 1, 3, 19));
  CHECK(now.programs == std::set<std::string>{"uring__submit_req", "uring__complete", "uring__overflow",
                                              "uring__fail_link", "uring__gone"});
  CHECK(now.flags[URF_CREDS] == 1u << 19);
  for (const std::string& name : now.programs) CHECK(is_call_program(name));
}

TEST_CASE("a kernel without io_uring, or with one that cannot be watched") {
  const Types none(btf__new_empty(), btf__free);
  CHECK(uring_of(*none).programs.empty());
  CHECK(uring_of(*kernel("io_uring_submit", 1, 7, 18)).programs.empty());
  CHECK(uring_of(*kernel("io_uring_submit_sqe", 7, 7, 18)).programs.empty());  // v5.17
  CHECK(uring_of(*kernel("io_uring_submit_sqe", 2, 5, 18)).programs.empty());  // completions of another form
  CHECK(uring_of(*kernel("io_uring_submit_req", 1, 3, 19, "filename"))
            .programs.empty());  // no pointer: a struct of its own
}

TEST_CASE("the hooks of io_uring are wanted with the calls that its operations stand for") {
  Wanted wanted;
  CHECK(hooks_of(wanted).empty());
  wanted.events = {EVT_execve, EVT_setuid};
  CHECK(hooks_of(wanted) == std::set<uint16_t>{EVT_execve, EVT_setuid});
  wanted.events.push_back(EVT_renameat2);
  CHECK(hooks_of(wanted) == std::set<uint16_t>{kUringHooks, EVT_execve, EVT_setuid, EVT_renameat2});
  wanted.events.clear();
  wanted.state = {EVT_connect};
  CHECK(hooks_of(wanted).contains(kUringHooks));
}
