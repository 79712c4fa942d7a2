#include "agent/sensor/kernel_functions.h"

#include <bpf/btf.h>

#include "agent/sensor/kernel_types.h"

namespace tiercel::sensor {

KernelFunctions::KernelFunctions() : types_(kernel_types()) {}

int KernelFunctions::id(const std::string& name) const {
  return types_ ? btf__find_by_name_kind(types_.get(), name.c_str(), BTF_KIND_FUNC) : 0;
}

int KernelFunctions::type_id(const std::string& name) const {
  return types_ ? btf__find_by_name_kind(types_.get(), name.c_str(), BTF_KIND_STRUCT) : 0;
}

}  // namespace tiercel::sensor
