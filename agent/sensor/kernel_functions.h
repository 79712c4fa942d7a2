// KernelFunctions: which functions the kernel has, by its BTF. Holds some megabytes (kernel_types.h): keep it for as
// long as hooks are chosen and no longer. One thread.
#pragma once

#include <memory>
#include <string>

struct btf;

namespace tiercel::sensor {

class KernelFunctions {
 public:
  KernelFunctions();

  [[nodiscard]] int id(const std::string& name) const;       // BTF id; 0 or less: there is none
  [[nodiscard]] int type_id(const std::string& name) const;  // of a struct; likewise
  [[nodiscard]] bool has(const std::string& name) const { return id(name) > 0; }

 private:
  std::shared_ptr<const btf> types_;
};

}  // namespace tiercel::sensor
