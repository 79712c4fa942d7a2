#include "agent/base/fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace tiercel {
namespace {

Result<std::string> read_to_end(int fd, const std::string& path, size_t size_bytes_max) {
  std::string content;
  char chunk[16384];
  for (;;) {
    ssize_t n = ::read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot read " + path, errno);
    if (n == 0) return content;
    if (content.size() + static_cast<size_t>(n) > size_bytes_max)
      return fail(path + " is larger than " + std::to_string(size_bytes_max) + " bytes");
    content.append(chunk, static_cast<size_t>(n));
  }
}

}  // namespace

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<std::string> read_file(const std::string& path, size_t size_bytes_max) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return fail_errno("cannot open " + path, errno);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return fail_errno("cannot stat " + path, errno);
  if (!S_ISREG(st.st_mode)) return fail(path + " is not a regular file");
  return read_to_end(fd.get(), path, size_bytes_max);
}

Result<std::string> read_pseudo_file(const std::string& path, size_t size_bytes_max) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno("cannot open " + path, errno);
  return read_to_end(fd.get(), path, size_bytes_max);
}

Result<> write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    ssize_t n = ::write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write", errno);
    data += n;
    size -= static_cast<size_t>(n);
  }
  return {};
}

Result<> write_file_atomically(const std::string& path, const std::string& content, unsigned mode) {
  const std::string tmp = path + ".tmp";
  Fd fd(::open(tmp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.valid()) return fail_errno("cannot create " + tmp, errno);
  if (::fchmod(fd.get(), mode) != 0) return fail_errno("cannot set the mode of " + tmp, errno);
  auto written = write_all(fd.get(), content.data(), content.size());
  if (!written) return fail("cannot write " + tmp + ": " + written.error().message);
  if (::fsync(fd.get()) != 0) return fail_errno("cannot sync " + tmp, errno);
  if (std::rename(tmp.c_str(), path.c_str()) != 0) return fail_errno("cannot rename " + tmp + " to " + path, errno);
  return {};
}

}  // namespace tiercel
