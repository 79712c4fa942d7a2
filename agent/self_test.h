// SelfTest: does the kernel still tell us of processes? Each minute the agent starts a child that takes a name which
// only the two of them know and ends at once; its end has to come along the road of all records. Where it does not,
// hooks are gone (somebody closed them in our process), or nobody reads the rings: the host looks quiet and is not
// watched.
//
// A child whose record may be among those that were lost proves nothing, for losses are told by themselves: the next
// one is asked. Deciding thread only; look() blocks for as long as a child takes to end, some 0.1 ms.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/alert/report.h"
#include "agent/base/result.h"

namespace tiercel {

inline constexpr std::string_view kSelfTestRule = "Tiercel internal: self-test";

class SelfTest {
 public:
  // Starts a child of that name (15 bytes at most), which is gone when the function returns.
  using StartChild = std::function<Result<>(const std::string& name)>;
  static constexpr uint64_t kPatienceNs = 5'000'000'000;
  static constexpr uint64_t kRemindNs = 600'000'000'000;  // while it goes on failing

  explicit SelfTest(StartChild start);
  // 0: none.
  void set_interval_s(uint32_t interval_s) { interval_s_ = interval_s; }

  // The next child is due at once.
  void soon() { begun_ns_ = 0; }

  // Each record that came; cheap while no child is awaited.
  void see(std::span<const std::byte> bytes);
  // Each second. vital_lost: records that the vital ring lost since the start. A report when it fails, now and then
  // while it goes on failing, and when it is well again.
  std::optional<alert::Report> look(uint64_t now_ns, uint64_t vital_lost);

  enum class State : uint8_t { kUnknown, kPassed, kFailed };
  [[nodiscard]] State state() const { return state_; }  // any thread
  [[nodiscard]] const char* state_text() const;         // likewise: "unknown", "passed", "failed"
  // The hooks were there once and are gone: to attach them anew takes a new start. Deciding thread.
  [[nodiscard]] bool went_blind() const { return passed_once_ && state_ == State::kFailed; }

 private:
  void begin(uint64_t now_ns, uint64_t vital_lost);
  std::optional<alert::Report> failed(uint64_t now_ns);
  std::optional<alert::Report> passed(uint64_t now_ns);
  StartChild start_;
  uint32_t interval_s_ = 0;
  std::atomic<State> state_{State::kUnknown};
  std::string waiting_for_;  // name of the child that has not been seen; empty: none is awaited
  bool seen_ = false;
  bool passed_once_ = false;
  uint64_t begun_ns_ = 0, vital_lost_ = 0;
  uint64_t failed_since_ns_ = 0, told_ns_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace tiercel
