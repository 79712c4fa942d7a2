#include "siem/wazuh/managers.h"

#include <algorithm>
#include <utility>

namespace tiercel::wazuh {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kFreshKeyNs = 60'000 * kNsPerMs;
constexpr int kFreshRetryMsMin = 250;
constexpr int kFreshRetryMsMax = 2'000;
constexpr uint64_t kAskedAgainNs = 10'000 * kNsPerMs;

}  // namespace

Managers::Managers(const WazuhOptions& options, const Clock& clock) : options_(options), clock_(clock) {
  known_.resize(options_.managers.size());
  for (Known& known : known_) known.version = options_.version;
}

void Managers::next() {
  index_ = (index_ + 1) % known_.size();
  ++tried_;
}

void Managers::ready() {
  Known& known = known_[index_];
  known.refusals = 0;
  known.enrol_wait_ms = 0;
  known.no_enrolment_before_ns = 0;
  retry_ms_ = 0;
  tried_ = 0;
  enrolled_ns_ = 0;
}

// At once, unless it asks for it all the time.
void Managers::asked_to_reconnect() {
  const uint64_t now_ns = clock_.monotonic_ns();
  at_once_ = last_asked_ns_ == 0 || now_ns - last_asked_ns_ > kAskedAgainNs;
  last_asked_ns_ = now_ns;
}

bool Managers::lower_version() {
  if (options_.version_pinned) return false;
  auto lower = wazuh::lower_version(version());
  if (!lower) return false;
  known_[index_].version = std::move(*lower);
  return true;
}

bool Managers::key_is_fresh() const {
  return enrolled_ns_ != 0 && clock_.monotonic_ns() - enrolled_ns_ < kFreshKeyNs;
}

bool Managers::key_unknown() {
  if (key_is_fresh()) return false;
  ++known_[index_].refusals;
  return true;
}

bool Managers::may_enrol() const {
  return options_.enrol_if_needed && clock_.monotonic_ns() >= known_[index_].no_enrolment_before_ns;
}

void Managers::put_off_enrolment() {
  Known& known = known_[index_];
  known.refusals = 0;
  known.enrol_wait_ms = std::clamp(known.enrol_wait_ms * 2, options_.enrol_ms_min,
                                   std::max(options_.enrol_ms_min, options_.enrol_ms_max));
  known.no_enrolment_before_ns = clock_.monotonic_ns() + static_cast<uint64_t>(known.enrol_wait_ms) * kNsPerMs;
}

void Managers::enrolled() {
  put_off_enrolment();
  enrolled_ns_ = std::max<uint64_t>(clock_.monotonic_ns(), 1);
}

void Managers::enrolment_refused() {
  put_off_enrolment();
}

int Managers::pause_ms(uint32_t chance) {
  if (std::exchange(at_once_, false)) {
    tried_ = 0;
    return 0;
  }
  if (tried_ > 0 && tried_ < known_.size()) return 0;  // the next one at once
  tried_ = 0;
  const bool fresh = key_is_fresh();
  const int least = fresh ? std::min(kFreshRetryMsMin, options_.reconnect_ms_min) : options_.reconnect_ms_min;
  const int most = fresh ? std::min(kFreshRetryMsMax, options_.reconnect_ms_max) : options_.reconnect_ms_max;
  retry_ms_ = std::clamp(retry_ms_ * 2, least, std::max(least, most));
  return retry_ms_ - static_cast<int>(chance % static_cast<uint32_t>(retry_ms_ / 4 + 1));
}

}  // namespace tiercel::wazuh
