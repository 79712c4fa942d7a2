// What the kernel's own types (BTF) say. Any thread.
#pragma once

#include <memory>
#include <string>
#include <thread>

struct btf;

namespace tiercel::sensor {

// All of them: 5 MiB that take 20 ms to read, so those who ask while somebody holds them get the same. None: the kernel
// has no BTF, or it cannot be read.
[[nodiscard]] std::shared_ptr<const btf> kernel_types();

// Reads them meanwhile, on a thread of its own, and holds them as long as it lives.
class TypesAhead {
 public:
  TypesAhead();
  ~TypesAhead();
  TypesAhead(const TypesAhead&) = delete;
  TypesAhead& operator=(const TypesAhead&) = delete;

 private:
  std::shared_ptr<const btf> types_;  // the thread's until it has ended
  std::thread thread_;
};

// A file for libbpf's btf_custom_path, with the types that the sensor's programs name and whatever these are made of:
// libbpf looks through all types for each, which took 100 ms. And left to itself it looks, for a type that the kernel
// lacks since it is of an older or younger one, through the types of all modules; that needs CAP_SYS_ADMIN, and without
// it the load fails (libbpf before 1.5). Types have other ids there than in the kernel. Empty: the kernel has no BTF.
[[nodiscard]] const std::string& types_path();
// local: the object's types. Between an object's opening, which takes note of the path, and its load, which reads it.
void fill_types(const btf& local);

}  // namespace tiercel::sensor
