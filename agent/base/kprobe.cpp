#include "agent/base/kprobe.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace tiercel {

Fd open_kprobe(const std::string& function) {
  const auto type = read_pseudo_file("/sys/bus/event_source/devices/kprobe/type", 32);
  if (!type) {
    errno = ENOENT;
    return {};
  }
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = static_cast<__u32>(std::strtoul(type->c_str(), nullptr, 10));
  attr.kprobe_func = reinterpret_cast<uintptr_t>(function.c_str());
  return Fd(static_cast<int>(::syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace tiercel
