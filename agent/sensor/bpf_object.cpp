#include "agent/sensor/bpf_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <bpf/tiercel.skel.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <vector>

#include "agent/base/fd.h"
#include "agent/sensor/kernel_functions.h"
#include "agent/sensor/kernel_types.h"
#include "bpf/schema/read_only.h"

namespace tiercel::sensor {
namespace {

constexpr bpf_insn kAsItIs{
    .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_1, .off = 0, .imm = 0};

bpf_insn call_of_function(int id) {
  return {.code = BPF_JMP | BPF_CALL, .dst_reg = 0, .src_reg = BPF_PSEUDO_KFUNC_CALL, .off = 0, .imm = id};
}

// A kernel without a JIT compiler knows the function, and takes no program that calls it.
bool takes_call(int id, int any_type) {
  const bpf_insn tried[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .src_reg = 0, .off = 0, .imm = any_type},
      call_of_function(id),
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  const Fd program(
      bpf_prog_load(BPF_PROG_TYPE_TRACEPOINT, "tiercel_try", "Dual BSD/GPL", tried, std::size(tried), &options));
  return program.valid();
}

constexpr const char* kTypes[] = {
#define NAME_OF_TYPE(name) #name,
    READ_ONLY_TYPES(NAME_OF_TYPE)
#undef NAME_OF_TYPE
};

struct ReadOnly {
  bpf_insn call = kAsItIs;
  int types[std::size(kTypes)] = {};
  [[nodiscard]] bool casts() const { return call.code != kAsItIs.code; }
};

ReadOnly find_read_only() {
  const KernelFunctions functions;
  ReadOnly out;
  for (size_t n = 0; n < std::size(kTypes); ++n) {
    out.types[n] = functions.type_id(kTypes[n]);
    if (out.types[n] <= 0) return {};
  }
  const int id = functions.id("bpf_rdonly_cast");
  if (id <= 0 || !takes_call(id, out.types[0])) return {};
  out.call = call_of_function(id);
  return out;
}

const ReadOnly& read_only() {
  static const ReadOnly found = find_read_only();
  return found;
}

// With what stands in for READ_ONLY_CALL: bpf/include/compat.h says why. An instruction lies at a multiple of its size.
std::vector<char> bytes_for_this_kernel(const void* bytes, size_t size) {
  const ReadOnly& instead = read_only();
  const auto* begin = static_cast<const char*>(bytes);
  std::vector<char> out(begin, begin + size);
  for (size_t at = 0; at + sizeof(bpf_insn) <= size; at += sizeof(bpf_insn)) {
    bpf_insn instruction{};
    std::memcpy(&instruction, &out[at], sizeof instruction);
    if (instruction.code == (BPF_JMP | BPF_CALL) && instruction.imm == READ_ONLY_CALL)
      instruction = instead.call;
    else if ((instruction.code == (BPF_ALU64 | BPF_MOV | BPF_K) || instruction.code == (BPF_ALU | BPF_MOV | BPF_K)) &&
             instruction.imm > READ_ONLY_FIRST && instruction.imm < READ_ONLY_END)
      instruction.imm = instead.types[instruction.imm - READ_ONLY_FIRST - 1];
    else
      continue;
    std::memcpy(&out[at], &instruction, sizeof instruction);
  }
  return out;
}

}  // namespace

void DestroyObject::operator()(tiercel_bpf* object) const {
  tiercel_bpf__destroy(object);
}

// As tiercel_bpf__open_opts(), with other bytes. libbpf copies what it needs of these.
BpfObject open_object() {
  BpfObject object(static_cast<tiercel_bpf*>(std::calloc(1, sizeof(tiercel_bpf))));
  if (!object || tiercel_bpf__create_skeleton(object.get()) != 0) {
    errno = ENOMEM;
    return nullptr;
  }
  bpf_object_skeleton& skeleton = *object->skeleton;
  std::vector<char> bytes = bytes_for_this_kernel(skeleton.data, skeleton.data_sz);
  skeleton.data = bytes.data();
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.btf_custom_path = types_path().empty() ? nullptr : types_path().c_str();
  const int err = bpf_object__open_skeleton(&skeleton, &options);
  skeleton.data = nullptr;
  if (err == 0) {
    fill_types(*bpf_object__btf(object->obj));
    object->rodata->kernel_casts = read_only().casts();
    return object;
  }
  object.reset();
  errno = -err;
  return nullptr;
}

}  // namespace tiercel::sensor
