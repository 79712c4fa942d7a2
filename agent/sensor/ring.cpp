#include "agent/sensor/ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

namespace tiercel::sensor {
namespace {

// include/uapi/linux/bpf.h
constexpr uint32_t kBusyBit = 1u << 31;
constexpr uint32_t kDiscardBit = 1u << 30;
constexpr size_t kHeader = 8;

std::atomic<unsigned long>& position(void* page) {
  return *static_cast<std::atomic<unsigned long>*>(page);
}

}  // namespace

Result<Ring> Ring::map(int map_fd, size_t size_bytes) {
  Ring ring;
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* consumer = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumer == MAP_FAILED) return fail_errno("cannot map a ring buffer", errno);
  ring.consumer_page_ = consumer;
  // The data pages are mapped twice in a row, so that a record never wraps.
  ring.producer_length_ = page + 2 * size_bytes;
  void* producer = ::mmap(nullptr, ring.producer_length_, PROT_READ, MAP_SHARED, map_fd, static_cast<off_t>(page));
  if (producer == MAP_FAILED) return fail_errno("cannot map a ring buffer's data", errno);
  ring.producer_pages_ = producer;
  ring.data_ = static_cast<const std::byte*>(producer) + page;
  ring.mask_ = size_bytes - 1;
  ring.map_fd_ = map_fd;
  return ring;
}

Ring::Ring(Ring&& other) noexcept
    : map_fd_(std::exchange(other.map_fd_, -1)),
      mask_(other.mask_),
      consumer_page_(std::exchange(other.consumer_page_, nullptr)),
      producer_pages_(std::exchange(other.producer_pages_, nullptr)),
      producer_length_(other.producer_length_),
      data_(other.data_),
      next_(other.next_) {}

Ring::~Ring() {
  if (consumer_page_) ::munmap(consumer_page_, static_cast<size_t>(::sysconf(_SC_PAGESIZE)));
  if (producer_pages_) ::munmap(producer_pages_, producer_length_);
}

Ring::Head Ring::peek(std::span<const std::byte>& out) {
  for (;;) {
    const unsigned long consumer = position(consumer_page_).load(std::memory_order_relaxed);
    const unsigned long producer = position(producer_pages_).load(std::memory_order_acquire);
    if (consumer >= producer) return Head::kEmpty;
    const std::byte* at = data_ + (consumer & mask_);
    const uint32_t length = reinterpret_cast<const std::atomic<uint32_t>*>(at)->load(std::memory_order_acquire);
    if (length & kBusyBit) return Head::kBusy;
    const size_t size = length & ~(kBusyBit | kDiscardBit);
    next_ = (size + kHeader + 7) & ~size_t{7};
    if (!(length & kDiscardBit)) {
      out = {at + kHeader, size};
      return Head::kReady;
    }
    consume();
  }
}

size_t Ring::used_bytes() const {
  const unsigned long consumer = position(consumer_page_).load(std::memory_order_relaxed);
  const unsigned long producer = position(producer_pages_).load(std::memory_order_relaxed);
  return producer > consumer ? producer - consumer : 0;
}

void Ring::consume() {
  auto& consumer = position(consumer_page_);
  consumer.store(consumer.load(std::memory_order_relaxed) + next_, std::memory_order_release);
}

}  // namespace tiercel::sensor
