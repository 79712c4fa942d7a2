// Ends the process, or the container, that an alert is about, and nothing else. A process is (pid, start in ns since
// boot): the kernel's own time is read after pidfd_open(), so that a pid that was given anew is never hit. A container
// is the processes in the cgroup that its runtime's record names (agent/container). Never pid 1, kernel threads,
// Tiercel, or whoever called us. Any thread; a kill of a process waits for its end, 2 s at most.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "agent/base/result.h"
#include "agent/response/command.h"

namespace tiercel::response {

// The kernel's start_boottime of a process (agent/sensor/start_time.h); 0: there is none.
using StartTimeOf = std::function<Result<uint64_t>(int32_t pid)>;
// Why a process must live; empty: it need not.
using WhyProtected = std::function<std::string(int32_t pid)>;

struct Deed {
  std::string result = "done";  // done, refused, failed
  std::string reason;
};
[[nodiscard]] inline Deed refused(std::string reason) {
  return {"refused", std::move(reason)};
}
[[nodiscard]] inline Deed failed(std::string reason) {
  return {"failed", std::move(reason)};
}
[[nodiscard]] inline Deed done(std::string reason) {
  return {"done", std::move(reason)};
}

[[nodiscard]] Deed kill_process(const Cause& cause, const StartTimeOf& start_time_of);

struct ContainerKill {
  bool unverified_too = false;            // also where only the cgroup's name says that it is the container
  int time_limit_ms = 5'000;              // until its last process is gone
  std::string docker_root, storage_root;  // where runtimes keep their records; empty: the usual places
  WhyProtected why_protected;             // empty: that of proc.h
};
[[nodiscard]] Deed kill_container(const Cause& cause, const ContainerKill& options);

}  // namespace tiercel::response
