#include "siem/forwarder_patience.h"

#include <algorithm>

namespace tiercel::siem {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr unsigned kDoublingsMax = 30;

}  // namespace

bool Patience::answered() {
  const bool was_open = open();
  failures_ = 0;
  next_ns_ = 0;
  return was_open;
}

bool Patience::failed(uint64_t now_ns, int retry_after_ms) {
  if (retry_after_ms > 0) {
    failures_ = 0;
    next_ns_ = now_ns + static_cast<uint64_t>(retry_after_ms) * kNsPerMs;
    return false;
  }
  const bool was_open = open();
  ++failures_;
  next_ns_ = now_ns + wait_ms() * kNsPerMs;
  return open() && !was_open;
}

uint64_t Patience::wait_ms() {
  const auto most = static_cast<uint64_t>(options_.retry_ms_max);
  if (open()) return most;
  const uint64_t doubled = static_cast<uint64_t>(options_.retry_ms_min) << std::min(failures_ - 1, kDoublingsMax);
  return std::uniform_int_distribution<uint64_t>(1, std::max<uint64_t>(1, std::min(doubled, most)))(random_);
}

}  // namespace tiercel::siem
