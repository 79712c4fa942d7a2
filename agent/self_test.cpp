#include "agent/self_test.h"

#include <fmt/core.h>
#include <sys/random.h>

#include <cstddef>
#include <cstring>
#include <utility>

#include "agent/base/log.h"
#include "decoders/record.h"

namespace tiercel {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

// Nobody else can know it: whoever ends in its place would have to guess 56 bits.
std::string secret_name() {
  uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != sizeof bits) return {};
  return fmt::format("t{:014x}", bits & 0x00ff'ffff'ffff'ffff);
}

}  // namespace

const char* SelfTest::state_text() const {
  switch (state_) {
    case State::kUnknown:
      return "unknown";
    case State::kPassed:
      return "passed";
    case State::kFailed:
      break;
  }
  return "failed";
}

SelfTest::SelfTest(StartChild start) : start_(std::move(start)) {}

void SelfTest::see(std::span<const std::byte> bytes) {
  if (waiting_for_.empty()) return;
  const auto record = decoders::Record::parse(bytes);
  if (!record || record->head().type != EVT_procexit) return;
  const auto& comm = record->head().comm;
  if (std::string_view(comm, ::strnlen(comm, sizeof comm)) == waiting_for_) seen_ = true;
}

void SelfTest::begin(uint64_t now_ns, uint64_t vital_lost) {
  seen_ = false;
  begun_ns_ = now_ns;
  vital_lost_ = vital_lost;
  waiting_for_ = secret_name();  // before the child is there: its end may be the next record
  if (waiting_for_.empty()) return;
  if (auto started = start_(waiting_for_); !started) {
    log::debug("no self-test: {}", started.error().message);
    waiting_for_.clear();
  }
}

std::optional<alert::Report> SelfTest::look(uint64_t now_ns, uint64_t vital_lost) {
  if (!waiting_for_.empty()) {
    if (seen_) {
      waiting_for_.clear();
      return passed(now_ns);
    }
    if (now_ns - begun_ns_ < kPatienceNs) return std::nullopt;
    waiting_for_.clear();
    if (vital_lost == vital_lost_) return failed(now_ns);
    begun_ns_ = 0;  // it may be among the lost ones: ask again at once
  }
  if (interval_s_ == 0 || (begun_ns_ != 0 && now_ns - begun_ns_ < interval_s_ * kSecondNs)) return std::nullopt;
  begin(now_ns, vital_lost);
  return std::nullopt;
}

std::optional<alert::Report> SelfTest::passed(uint64_t now_ns) {
  passed_once_ = true;
  const bool was_failing = state_.exchange(State::kPassed) == State::kFailed;
  if (!was_failing) return std::nullopt;
  const uint64_t blind_s = (now_ns - failed_since_ns_) / kSecondNs;
  return alert::Report{Priority::kWarning,
                       std::string(kSelfTestRule),
                       fmt::format("the kernel tells of processes again, after {} s in which it did not: what happened "
                                   "meanwhile was not seen",
                                   blind_s),
                       {{"state", "passed"}, {"blind_s", blind_s}, {"failures", std::exchange(failures_, 0)}}};
}

std::optional<alert::Report> SelfTest::failed(uint64_t now_ns) {
  ++failures_;
  if (state_.exchange(State::kFailed) != State::kFailed) {
    failed_since_ns_ = begun_ns_;
  } else if (now_ns - told_ns_ < kRemindNs) {
    return std::nullopt;
  }
  told_ns_ = now_ns;
  const uint64_t blind_s = (now_ns - failed_since_ns_) / kSecondNs;
  log::error(
      "self-test: the end of a process that this agent started was not told within {} s: nothing that happens on "
      "this host is seen; restart the agent, and look for who did this",
      kPatienceNs / kSecondNs);
  return alert::Report{
      Priority::kCritical,
      std::string(kSelfTestRule),
      fmt::format("the kernel did not tell of a process that this agent started: its hooks are gone or its "
                  "rings are not read, and this host is not watched. Restart the agent; since nothing "
                  "was lost in the rings, somebody may have done this on purpose (for {} s, {} failures)",
                  blind_s, failures_),
      {{"state", "failed"}, {"blind_s", blind_s}, {"failures", failures_}}};
}

}  // namespace tiercel
