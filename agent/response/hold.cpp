#include "agent/response/hold.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "agent/response/proc.h"

namespace tiercel::response {

Fd open_process(int32_t pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));  // the kernel sets O_CLOEXEC
}

bool send_signal(const Fd& pidfd, int signal) {
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
}

bool has_ended(const Fd& pidfd, int wait_ms) {
  pollfd end{pidfd.get(), POLLIN, 0};
  return ::poll(&end, 1, wait_ms) > 0;
}

std::string process_text(const std::string& name, int32_t pid) {
  return fmt::format("{}({})", name.empty() ? "?" : name, pid);
}

std::optional<Held> hold_process(int32_t pid, uint64_t start_ns, const StartTimeOf& start_time_of,
                                 const WhyProtected& why, Deed& deed) {
  if (pid <= 1) {
    deed = refused("it is pid 1, or no process at all");
    return std::nullopt;
  }
  Held held{pid, start_ns, {}, open_process(pid)};
  if (!held.pidfd.valid()) {
    deed = errno == ESRCH || errno == EINVAL
               ? refused(fmt::format("process {} has ended already", pid))
               : failed(fail_errno(fmt::format("cannot open process {}", pid), errno).value().message);
    return std::nullopt;
  }
  // From here on the pidfd means one process. Is it the alert's? Its time is the kernel's, to the nanosecond.
  const auto found_ns = start_time_of(pid);
  if (!found_ns)
    deed = failed(found_ns.error().message);
  else if (*found_ns == 0)
    deed = refused(fmt::format("process {} has ended already", pid));
  else if (*found_ns != start_ns)
    deed = refused(fmt::format("process {} is another one now: it started {} ns after boot, the alert's at {}", pid,
                               *found_ns, start_ns));
  else if (const std::string reason = why(pid); !reason.empty())
    deed = refused(fmt::format("process {}: {}", pid, reason));
  else {
    const auto stat = proc_stat(pid);
    held.name = stat ? stat->name : "";
    return held;
  }
  return std::nullopt;
}

}  // namespace tiercel::response
