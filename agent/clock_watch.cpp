#include "agent/clock_watch.h"

#include <fmt/core.h>

#include <cstdlib>
#include <utility>

#include "agent/base/time_text.h"

namespace tiercel {

std::optional<alert::Report> ClockWatch::look(const Clock& clock) {
  constexpr int64_t kNsPerMs = 1'000'000;
  const auto now_ns = static_cast<int64_t>(clock.realtime_ns());
  const int64_t offset_ms = (now_ns - static_cast<int64_t>(clock.boottime_ns())) / kNsPerMs;
  const int64_t before_ms = std::exchange(offset_ms_, offset_ms).value_or(offset_ms);
  const int64_t jump_ms = offset_ms - before_ms;
  if (std::abs(jump_ms) < kJumpMs) return std::nullopt;
  const std::string from = iso8601_z(static_cast<uint64_t>(now_ns - jump_ms * kNsPerMs));
  const std::string to = iso8601_z(static_cast<uint64_t>(now_ns));
  return alert::Report{
      Priority::kWarning,
      "Tiercel internal: clock set",
      fmt::format("the clock of this host was set {} by {}.{:03} s, from {} to {}", jump_ms < 0 ? "back" : "forward",
                  std::abs(jump_ms) / 1000, std::abs(jump_ms) % 1000, from, to),
      {{"from", from}, {"to", to}, {"jump_ms", jump_ms}}};
}

}  // namespace tiercel
