// Which cgroups tell containers apart on this host. Any thread; reads /proc/cgroups and the kernel's BTF.
#pragma once

namespace tiercel::sensor {

// The v1 controller whose hierarchy tells containers apart, as its index in the kernel; -1 on a pure v2 host.
[[nodiscard]] int container_controller();

}  // namespace tiercel::sensor
