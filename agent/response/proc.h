// What /proc says of processes, as far as the responses ask. Nothing: there is no such process. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tiercel::response {

struct ProcStat {
  std::string name;
  char state = '?';
  int32_t ppid = 0;
  bool kernel_thread = false;
};
[[nodiscard]] std::optional<ProcStat> proc_stat(int32_t pid);
[[nodiscard]] std::vector<int32_t> all_pids();
[[nodiscard]] std::vector<std::string> cgroup_paths(int32_t pid);  // of all hierarchies, "/" left out
[[nodiscard]] std::string v2_cgroup_path(int32_t pid);             // "": none
[[nodiscard]] std::string controller_cgroup_path(int32_t pid, const std::string& controller);  // of v1; "": none
// Why it must live: pid 1, a kernel thread, Tiercel itself, or an ancestor of ours. Empty: it need not.
[[nodiscard]] std::string why_protected(int32_t pid);

}  // namespace tiercel::response
