#include "agent/pause_watch.h"

#include <fmt/core.h>

#include <string>
#include <utility>

#include "agent/base/time_text.h"

namespace tiercel {

std::optional<alert::Report> PauseWatch::look(const Clock& clock, uint64_t lost, char seen) {
  const uint64_t now_ns = clock.monotonic_ns(), realtime_ns = clock.realtime_ns();
  const uint64_t before_ns = std::exchange(looked_ns_, now_ns);
  const uint64_t from_ns = std::exchange(realtime_ns_, realtime_ns), lost_before = std::exchange(lost_, lost);
  if (before_ns == 0 || now_ns - before_ns <= kPauseNs) return std::nullopt;
  const uint64_t gap_ms = (now_ns - before_ns) / 1'000'000;
  const std::string how = seen == 'T' ? "stopped" : seen == 't' ? "traced" : "paused";
  const std::string why = seen == 'T'   ? "it was stopped by a signal"
                          : seen == 't' ? "a tracer held it"
                                        : "it was stopped, frozen, or had no CPU";
  const std::string from = iso8601_z(from_ns), to = iso8601_z(realtime_ns);
  return alert::Report{
      Priority::kError,
      "Tiercel internal: gap",
      fmt::format(
          "the agent stood still for {}.{:03} s, from {} to {} ({}): {} events were lost in that time, and what "
          "was seen was told late",
          gap_ms / 1000, gap_ms % 1000, from, to, why, lost - lost_before),
      {{"from", from}, {"to", to}, {"gap_ms", gap_ms}, {"how", how}, {"lost", lost - lost_before}}};
}

}  // namespace tiercel
