#include "agent/response/proc.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <sstream>

#include "agent/base/fd.h"

namespace tiercel::response {
namespace {

constexpr size_t kStatBytesMax = 4096;
constexpr size_t kCgroupBytesMax = 256 * 1024;
constexpr unsigned kKernelThread = 0x00200000;  // PF_KTHREAD

std::string path_of(int32_t pid, const char* file) {
  return fmt::format("/proc/{}/{}", pid, file);
}

bool same_program(int32_t pid) {
  struct stat ours {};
  struct stat theirs {};
  return ::stat("/proc/self/exe", &ours) == 0 && ::stat(path_of(pid, "exe").c_str(), &theirs) == 0 &&
         ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

}  // namespace

std::optional<ProcStat> proc_stat(int32_t pid) {
  const auto text = read_pseudo_file(path_of(pid, "stat"), kStatBytesMax);
  if (!text) return std::nullopt;
  const size_t open = text->find('('), close = text->rfind(')');  // the name may hold both
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  ProcStat stat;
  stat.name = text->substr(open + 1, close - open - 1);
  std::istringstream rest(text->substr(close + 1));
  int64_t group = 0, session = 0, tty = 0, foreground = 0;
  unsigned flags = 0;
  if (!(rest >> stat.state >> stat.ppid >> group >> session >> tty >> foreground >> flags)) return std::nullopt;
  stat.kernel_thread = (flags & kKernelThread) != 0;
  return stat;
}

std::vector<int32_t> all_pids() {
  std::vector<int32_t> pids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    int32_t pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc() && end == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

// Lines "12:pids:/path", on v2 "0::/path".
std::vector<std::string> cgroup_paths(int32_t pid) {
  std::vector<std::string> paths;
  const auto text = read_pseudo_file(path_of(pid, "cgroup"), kCgroupBytesMax);
  if (!text) return paths;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos || line.size() <= second + 2) continue;
    paths.push_back(line.substr(second + 1));
  }
  return paths;
}

std::string v2_cgroup_path(int32_t pid) {
  const auto text = read_pseudo_file(path_of(pid, "cgroup"), kCgroupBytesMax);
  if (!text) return {};
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("0::") && line.size() > 4) return line.substr(3);
  return {};
}

std::string controller_cgroup_path(int32_t pid, const std::string& controller) {
  const auto text = read_pseudo_file(path_of(pid, "cgroup"), kCgroupBytesMax);
  if (!text) return {};
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string list = "," + line.substr(first + 1, second - first - 1) + ",";
    if (list.find("," + controller + ",") != std::string::npos) return line.substr(second + 1);
  }
  return {};
}

std::string why_protected(int32_t pid) {
  if (pid <= 1) return "it is pid 1, or no process at all";
  const auto stat = proc_stat(pid);
  if (stat && stat->kernel_thread) return "it is a kernel thread";
  int32_t up = ::getpid();
  for (int steps = 0; up > 0 && steps < 1024; ++steps) {
    if (up == pid) return "it is Tiercel, or started it";
    const auto above = proc_stat(up);
    up = above ? above->ppid : 0;
  }
  if (same_program(pid)) return "it is Tiercel itself";
  return {};
}

}  // namespace tiercel::response
