#include "agent/sensor/tracefs.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <utility>

#include "agent/base/broker.h"
#include "agent/base/kprobe.h"
#include "agent/base/tracepoint.h"

namespace tiercel::sensor {

namespace {

// The calls themselves: glibc has names for them from 2.36 on, and nothing else here asks for so young a one.
int open_file_system(const char* name) {
  return static_cast<int>(::syscall(SYS_fsopen, name, FSOPEN_CLOEXEC));
}
bool create_file_system(int context) {
  return ::syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
}
int mount_detached(int context) {
  return static_cast<int>(::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0));
}

// See keep_tracefs(). Never closed.
constexpr int kNotAsked = -1, kNoneToBeHad = -2;
std::atomic<int> kept{kNotAsked};

Fd open_anew() {
  if (Fd context(open_file_system("tracefs")); context.valid()) {
    if (create_file_system(context.get()))
      if (Fd mount(mount_detached(context.get())); mount.valid()) return mount;
  }
  return {};
}

}  // namespace

void keep_tracefs() {
  Fd own = open_anew();
  kept = own.valid() ? own.release() : kNoneToBeHad;
}

// tracefs without a mount that anyone can see or that could stay behind: a detached one of our own, else the host's.
Fd open_tracefs() {
  Fd own = kept == kNotAsked ? open_anew() : kept < 0 ? Fd() : Fd(::fcntl(kept, F_DUPFD_CLOEXEC, 3));
  if (own.valid()) return own;
  for (const char* path : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    Fd dir(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (dir.valid() && ::faccessat(dir.get(), "events/syscalls", F_OK, 0) == 0) return dir;
  }
  return {};
}

Result<long> tracepoint_id(int tracefs, const std::string& call, bool enter) {
  const std::string path = "events/syscalls/sys_" + std::string(enter ? "enter_" : "exit_") + call + "/id";
  Fd fd(::openat(tracefs, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno("tracefs has no " + path, errno);
  std::array<char, 32> text{};
  if (::read(fd.get(), text.data(), text.size() - 1) <= 0) return fail_errno("cannot read " + path, errno);
  return std::strtol(text.data(), nullptr, 10);
}

// Debian's and Ubuntu's kernels have a kernel.perf_event_paranoid above 2 as their default: then CAP_PERFMON is not
// enough, and the one of us that still has CAP_SYS_ADMIN asks.
namespace {

Result<Fd> opened_for_us(Fd fd, const std::function<Result<Fd>()>& ask_broker) {
  if (fd.valid()) return fd;
  if (errno != EACCES) return fail_errno("perf_event_open", errno);
  std::string refused = "perf_event_open: Permission denied";
  if (broker::runs()) {
    auto asked = ask_broker();
    if (asked) return asked;
    refused += " (tiercel-broker: " + asked.error().message + ")";
  }
  return fail(refused +
              ": a kernel whose kernel.perf_event_paranoid is above 2, as it is by default on Debian and Ubuntu, gives "
              "tracepoints to CAP_SYS_ADMIN only. Let the agent start with that capability, or set `sysctl "
              "kernel.perf_event_paranoid=2`, the default of other kernels");
}

}  // namespace

Result<Fd> open_tracepoint(long id) {
  return opened_for_us(tiercel::open_tracepoint(id), [id] { return broker::open_tracepoint(id); });
}

Result<Fd> open_kprobe(const std::string& function) {
  return opened_for_us(tiercel::open_kprobe(function), [&function] { return broker::open_kprobe(function); });
}

}  // namespace tiercel::sensor
