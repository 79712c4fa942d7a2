// Protection: the processes that no local response touches. The built-in part cannot be emptied: pid 1, kernel threads,
// Tiercel, what started it (the operator's session, if it was started there) and what it started, and on the host
// (not within containers) container runtimes, sshd, systemd, kubelet and Wazuh by their programs' files. Immutable; any
// thread; reads /proc.
//
// A program's name counts only for a file that belongs to root and nobody else may write, run in the host's user
// namespace and below the host's root: so nobody without root can dress up as one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::response {

class Protection {
 public:
  // more: names or absolute paths of further programs of the host, whoever owns them; * at the end: anything.
  explicit Protection(std::vector<std::string> more = {}) : more_(std::move(more)) {}
  [[nodiscard]] std::string why(int32_t pid) const;  // empty: it may be touched
  // Why that file of the host must stay where it is; empty: it may be moved.
  [[nodiscard]] std::string why_file(const std::string& path) const;
  [[nodiscard]] static std::span<const std::string_view> programs();

 private:
  std::vector<std::string> more_;
};

// "containerd-shim*" against a name or a path.
[[nodiscard]] bool matches_program(std::string_view pattern, std::string_view path);

}  // namespace tiercel::response
