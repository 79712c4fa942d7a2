// Points in time as people write them: 90s, 30m, 24h, 7d, 2w (that long ago); 10:00, 10:00:30 (the last time that it
// was so late); today, yesterday, now; 2026-11-28, 2026-11-28T10:00, "2026-11-28 10:00:30"; with Z at the end UTC, else
// local time. Pure but for the process's time zone; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/base/result.h"

namespace tiercel::cli {

// Nanoseconds since the epoch.
[[nodiscard]] Result<uint64_t> parse_when(const std::string& text, uint64_t now_ns);
// 90s, 10m, 24h, 7d, 2w; nothing: it is none of these.
[[nodiscard]] std::optional<uint64_t> parse_duration_s(const std::string& text);
// "4 min ago", "in 3 s": how far from now.
[[nodiscard]] std::string ago(uint64_t time_ns, uint64_t now_ns);

}  // namespace tiercel::cli
