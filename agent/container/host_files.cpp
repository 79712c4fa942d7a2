#include "agent/container/host_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace tiercel::container {
namespace {

// RESOLVE_IN_ROOT makes `folder` the root of the walk; it is tried again where a rename was in the way.
int open_in(int folder, const std::string& path, int flags) {
  struct open_how how {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int tries = 0; tries < 8; ++tries) {
    const long fd = ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return -1;
}

bool has_nul(const std::string& path) {
  return path.find('\0') != std::string::npos;
}

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

}  // namespace

HostFiles::HostFiles(std::string host_root) : host_root_(std::move(host_root)) {
  while (!host_root_.empty() && host_root_.back() == '/') host_root_.pop_back();
}

Result<Fd> HostFiles::find(const std::string& root, const std::string& path, int flags) const {
  if (path.empty() || has_nul(path) || has_nul(root)) return fail("no path");
  Fd host(::open(host_root_.empty() ? "/" : host_root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!host.valid()) return fail_errno("cannot open " + host_root_, errno);
  if (!root.empty()) {
    Fd inner(open_in(host.get(), root, O_PATH | O_DIRECTORY));
    if (!inner.valid()) return fail_errno("cannot open " + root, errno);
    host = std::move(inner);
  }
  Fd found(open_in(host.get(), path, flags));
  if (found.valid()) return found;
  if (errno != ENOSYS || !root.empty()) return fail_errno("cannot open " + path, errno);
  // Before Linux 5.6. The host's own files may be had without it; a container's may not.
  Fd plain(::open((host_root_ + "/" + path).c_str(), flags | O_CLOEXEC));
  if (!plain.valid()) return fail_errno("cannot open " + path, errno);
  return plain;
}

Result<std::string> HostFiles::read_found(const Fd& found, const std::string& path, size_t size_bytes_max,
                                          std::optional<uint32_t> owner) const {
  struct stat st {};
  if (::fstat(found.get(), &st) != 0) return fail_errno("cannot stat " + path, errno);
  if (!S_ISREG(st.st_mode)) return fail(path + " is not a regular file");
  if (owner && st.st_uid != *owner) return fail(path + " is somebody else's");
  const std::string too_large = path + " is larger than " + std::to_string(size_bytes_max) + " bytes";
  if (static_cast<uint64_t>(st.st_size) > size_bytes_max) return fail(too_large);
  Fd file(
      ::open(("/proc/self/fd/" + std::to_string(found.get())).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.valid()) return fail_errno("cannot open " + path, errno);
  std::string content;
  char chunk[16384];
  for (;;) {
    const ssize_t n = ::read(file.get(), chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot read " + path, errno);
    if (n == 0) return content;
    if (content.size() + static_cast<size_t>(n) > size_bytes_max) return fail(too_large);
    content.append(chunk, static_cast<size_t>(n));
  }
}

Result<std::string> HostFiles::read(const std::string& path, size_t size_bytes_max,
                                    std::optional<uint32_t> owner) const {
  auto found = find({}, path, O_PATH);
  if (!found) return tl::unexpected(found.error());
  return read_found(*found, path, size_bytes_max, owner);
}

Result<std::string> HostFiles::read_in(const std::string& root, const std::string& path, size_t size_bytes_max) const {
  if (root.empty()) return fail("no root for " + path);
  auto found = find(root, path, O_PATH);
  if (!found) return tl::unexpected(found.error());
  return read_found(*found, path, size_bytes_max, std::nullopt);
}

std::string HostFiles::stamp(const std::string& root, const std::string& path) const {
  auto found = find(root, path, O_PATH);
  struct stat st {};
  if (!found || ::fstat(found->get(), &st) != 0 || !S_ISREG(st.st_mode)) return {};
  auto time = [](const struct timespec& at) { return std::to_string(at.tv_sec) + "." + std::to_string(at.tv_nsec); };
  return std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino) + ":" + std::to_string(st.st_size) + ":" +
         time(st.st_mtim) + ":" + time(st.st_ctim);
}

std::vector<std::string> HostFiles::list(const std::string& path, size_t max) const {
  std::vector<std::string> names;
  auto found = find({}, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  if (!found) return names;
  std::unique_ptr<DIR, CloseDir> dir(::fdopendir(found->get()));
  if (!dir) return names;
  found->release();
  while (names.size() < max) {
    const struct dirent* entry = ::readdir(dir.get());
    if (!entry) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool HostFiles::is_roots(const std::string& path) const {
  auto found = find({}, path, O_PATH);
  struct stat st {};
  if (!found || ::fstat(found->get(), &st) != 0) return false;
  return st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace tiercel::container
