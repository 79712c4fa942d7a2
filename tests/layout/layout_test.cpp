// Compares every member of every record as clang laid it out for BPF (from the object's BTF) with the catalogue's
// offsets, which are g++'s. usage: layout_test layout.bpf.o
#include <bpf/btf.h>

#include <cstdio>
#include <string>

#include "decoders/catalog.h"

namespace {

using namespace tiercel::decoders;

int mismatches = 0;

void check(const btf* types, const RecordInfo& record) {
  const std::string name = "ev_" + std::string(record.name);
  const int id = btf__find_by_name_kind(types, name.c_str(), BTF_KIND_STRUCT);
  if (id < 0) {
    std::printf("FAIL %s is not in the object\n", name.c_str());
    ++mismatches;
    return;
  }
  const btf_type* type = btf__type_by_id(types, static_cast<__u32>(id));
  if (type->size != record.size) {
    std::printf("FAIL %s: %u bytes for the kernel, %u here\n", name.c_str(), type->size, record.size);
    ++mismatches;
  }
  size_t found = 0;
  for (int i = 0; i < btf_vlen(type); ++i) {
    const btf_member& member = btf_members(type)[i];
    const std::string member_name = btf__name_by_offset(types, member.name_off);
    const FieldInfo* field = field_of(record, member_name);
    if (!field) continue;  // the head and padding
    ++found;
    if (btf_member_bit_offset(type, static_cast<__u32>(i)) == field->offset * 8u) continue;
    std::printf("FAIL %s.%s lies elsewhere\n", name.c_str(), member_name.c_str());
    ++mismatches;
  }
  if (found != record.fields.size()) {
    std::printf("FAIL %s: %zu of %zu fields found\n", name.c_str(), found, record.fields.size());
    ++mismatches;
  }
  std::printf("ok   %s: %zu fields, %u bytes\n", name.c_str(), found, type->size);
}

}  // namespace

int main(int argc, char** argv) {
  btf* types = argc == 2 ? btf__parse(argv[1], nullptr) : nullptr;
  if (!types) {
    std::fprintf(stderr, "usage: layout_test layout.bpf.o\n");
    return 1;
  }
  for (const RecordInfo& record : all_records()) check(types, record);
  btf__free(types);
  return mismatches == 0 ? 0 : 1;
}
