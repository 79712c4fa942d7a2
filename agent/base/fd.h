// Fd: owns one file descriptor. Move only; not shared between threads.
#pragma once

#include <string>

#include "agent/base/result.h"

namespace tiercel {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1);  // closes what it held

 private:
  int fd_ = -1;
};

// The whole file, refused (Fault::kHost) when it has more than size_bytes_max bytes or is no regular file.
// Never blocks on a FIFO or a device.
Result<std::string> read_file(const std::string& path, size_t size_bytes_max);

// Same for files under /proc and /sys, whose size is not known before they are read.
Result<std::string> read_pseudo_file(const std::string& path, size_t size_bytes_max);

// Writes to "path.tmp", syncs and renames: readers see the old or the new file, never a half.
Result<> write_file_atomically(const std::string& path, const std::string& content, unsigned mode);

// Every byte, through short writes and EINTR.
Result<> write_all(int fd, const char* data, size_t size);

}  // namespace tiercel
