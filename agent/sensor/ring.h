// Ring: the consumer's side of one BPF ring buffer (kernel/bpf/ringbuf.c), with a look at the head before it is taken,
// which libbpf's own reader does not offer and merging needs. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/base/result.h"

namespace tiercel::sensor {

class Ring {
 public:
  Ring() = default;
  ~Ring();
  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&&) = delete;
  static Result<Ring> map(int map_fd, size_t size_bytes);

  enum class Head { kEmpty, kBusy, kReady };  // busy: reserved by a program that has not finished it
  // Looks at the oldest record; `out` is valid until consume().
  Head peek(std::span<const std::byte>& out);
  void consume();

  [[nodiscard]] int fd() const { return map_fd_; }
  // What was written and not consumed yet, headers included; any thread.
  [[nodiscard]] size_t used_bytes() const;
  [[nodiscard]] size_t size_bytes() const { return mask_ + 1; }

 private:
  int map_fd_ = -1;
  size_t mask_ = 0;
  void* consumer_page_ = nullptr;
  void* producer_pages_ = nullptr;
  size_t producer_length_ = 0;
  const std::byte* data_ = nullptr;
  size_t next_ = 0;  // size of the record that peek() showed, rounded up
};

}  // namespace tiercel::sensor
