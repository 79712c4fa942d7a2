// The object with the sensor's programs, opened and not yet loaded, as this kernel needs it. Any thread.
#pragma once

#include <memory>

struct tiercel_bpf;

namespace tiercel::sensor {

struct DestroyObject {
  void operator()(tiercel_bpf* object) const;
};
using BpfObject = std::unique_ptr<tiercel_bpf, DestroyObject>;

// None: errno says why.
[[nodiscard]] BpfObject open_object();

}  // namespace tiercel::sensor
