#include "agent/response/protection.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "agent/response/proc.h"

namespace tiercel::response {
namespace {

constexpr std::string_view kPrograms[] = {
    "containerd",  "containerd-shim*",
    "dockerd",     "docker-proxy",
    "docker-init", "crio",
    "conmon*",     "runc",
    "crun",        "youki",
    "podman",      "buildkitd",
    "kubelet",     "k3s*",
    "k0s",         "lxd",
    "incusd",      "sshd*",
    "systemd",     "systemd-*",
    "init",        "login",
    "sudo",        "wazuh-*",
    "ossec-*",     "tiercel",
};
// Of the host: what is there is the distribution's, and the host does not run without it.
constexpr std::string_view kSystemFolders[] = {"/bin/",  "/boot/", "/dev/", "/etc/", "/lib",
                                               "/proc/", "/sbin/", "/sys/", "/usr/", "/run/systemd/"};
constexpr std::string_view kLocal = "/usr/local/";
constexpr std::string_view kDeleted = " (deleted)";

bool same_file(const std::string& one, const std::string& other) {
  struct stat a {};
  struct stat b {};
  return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool is_kernel_thread(int32_t pid) {
  const auto stat = proc_stat(pid);
  return stat && stat->kernel_thread;
}

bool descends_from_us(int32_t pid) {
  const int32_t self = ::getpid();
  for (int steps = 0; pid > 1 && steps < 1024; ++steps) {
    if (pid == self) return true;
    const auto stat = proc_stat(pid);
    pid = stat ? stat->ppid : 0;
  }
  return false;
}

// Empty: it has ended, or (errno EACCES) may not be looked at.
std::string program_of(int32_t pid) {
  std::array<char, PATH_MAX> text{};
  errno = 0;
  const ssize_t n = ::readlink(fmt::format("/proc/{}/exe", pid).c_str(), text.data(), text.size());
  std::string path(text.data(), n > 0 ? static_cast<size_t>(n) : 0);
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return path;
}

// Is that of a process (of /proc/PID) one that the host's first process, its kernel threads or we have? Yes where none
// of these can be looked at: rather one too many is protected.
bool is_hosts(int32_t pid, const char* what) {
  bool known = false;
  const std::string theirs = fmt::format("/proc/{}/{}", pid, what);
  for (const char* host : {"1", "2", "self"}) {
    if (host[0] == '2' && !is_kernel_thread(2)) continue;
    const std::string ours = fmt::format("/proc/{}/{}", host, what);
    struct stat st {};
    if (::stat(ours.c_str(), &st) != 0) continue;
    known = true;
    if (same_file(ours, theirs)) return true;
  }
  return !known;
}

bool on_host(int32_t pid) {
  return is_hosts(pid, "ns/user") && is_hosts(pid, "root");
}

bool only_root_writes(int32_t pid) {
  struct stat st {};
  return ::stat(fmt::format("/proc/{}/exe", pid).c_str(), &st) == 0 && st.st_uid == 0 && (st.st_mode & S_IWOTH) == 0 &&
         ((st.st_mode & S_IWGRP) == 0 || st.st_gid == 0);
}

}  // namespace

std::span<const std::string_view> Protection::programs() {
  return kPrograms;
}

bool matches_program(std::string_view pattern, std::string_view path) {
  if (pattern.empty() || path.empty()) return false;
  if (pattern.front() != '/') path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
  if (pattern.back() != '*') return pattern == path;
  pattern.remove_suffix(1);
  return path.starts_with(pattern);
}

std::string Protection::why(int32_t pid) const {
  if (std::string reason = why_protected(pid); !reason.empty()) return reason;
  if (descends_from_us(pid)) return "Tiercel started it";
  const std::string path = program_of(pid);
  if (path.empty() && errno == EACCES) return "which program it is cannot be read: that needs CAP_SYS_PTRACE";
  auto named = [&path](const auto& list) {
    return std::any_of(std::begin(list), std::end(list),
                       [&](const auto& pattern) { return matches_program(pattern, path); });
  };
  const bool by_us = named(kPrograms), by_operator = named(more_);
  if ((!by_us && !by_operator) || !on_host(pid)) return {};
  if (by_operator) return path + " is protected by response.protect";
  return only_root_writes(pid) ? path + " is a program of the host that must live" : std::string();
}

std::string Protection::why_file(const std::string& path) const {
  const bool of_system = std::any_of(std::begin(kSystemFolders), std::end(kSystemFolders),
                                     [&](std::string_view folder) { return path.starts_with(folder); });
  if (of_system && !path.starts_with(kLocal)) return "the host's own files stay where they are";
  if (std::any_of(more_.begin(), more_.end(),
                  [&](const std::string& pattern) { return matches_program(pattern, path); }))
    return "response.protect names it";
  return same_file(path, "/proc/self/exe") ? "it is Tiercel" : std::string();
}

}  // namespace tiercel::response
