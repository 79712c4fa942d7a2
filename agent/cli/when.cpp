#include "agent/cli/when.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <utility>

namespace tiercel::cli {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr std::array<std::pair<char, uint64_t>, 5> kUnits = {
    {{'s', 1}, {'m', 60}, {'h', 3'600}, {'d', 86'400}, {'w', 604'800}}};

// All of the text.
bool matches(const std::string& text, const char* form, tm& parts) {
  const char* end = ::strptime(text.c_str(), form, &parts);
  return end != nullptr && *end == '\0';
}

uint64_t to_ns(tm parts, bool utc) {
  parts.tm_isdst = -1;
  const time_t seconds = utc ? ::timegm(&parts) : ::mktime(&parts);
  return seconds < 0 ? 0 : static_cast<uint64_t>(seconds) * kSecondNs;
}

tm midnight(uint64_t now_ns) {
  const auto seconds = static_cast<time_t>(now_ns / kSecondNs);
  tm parts{};
  ::localtime_r(&seconds, &parts);
  parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
  return parts;
}

}  // namespace

std::optional<uint64_t> parse_duration_s(const std::string& text) {
  size_t at = 0;
  uint64_t number = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at < 9)
    number = number * 10 + static_cast<uint64_t>(text[at++] - '0');
  if (at == 0 || at + 1 != text.size()) return std::nullopt;
  for (const auto& [letter, seconds] : kUnits)
    if (text[at] == letter) return number * seconds;
  return std::nullopt;
}

Result<uint64_t> parse_when(const std::string& text, uint64_t now_ns) {
  if (const auto seconds = parse_duration_s(text)) return now_ns - std::min(now_ns, *seconds * kSecondNs);
  tm parts = midnight(now_ns);
  if (text == "now") return now_ns;
  if (text == "yesterday") --parts.tm_mday;
  if (text == "today" || text == "yesterday") return to_ns(parts, false);
  for (const char* form : {"%H:%M", "%H:%M:%S"}) {
    tm clock = parts;
    if (!matches(text, form, clock)) continue;
    const uint64_t at_ns = to_ns(clock, false);
    if (at_ns <= now_ns) return at_ns;
    --clock.tm_mday;
    return to_ns(clock, false);
  }
  const bool utc = !text.empty() && text.back() == 'Z';
  const std::string local = utc ? text.substr(0, text.size() - 1) : text;
  for (const char* form : {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"}) {
    tm day{};
    if (matches(local, form, day)) return to_ns(day, utc);
  }
  return fail("'" + text +
                  "' is no point in time: write 30m, 24h or 7d (so long ago), 10:00, today, yesterday, 2026-11-28 or "
                  "2026-11-28T10:00 (with Z at the end: UTC)",
              Fault::kUser);
}

std::string ago(uint64_t time_ns, uint64_t now_ns) {
  const bool past = time_ns <= now_ns;
  const uint64_t seconds = (past ? now_ns - time_ns : time_ns - now_ns) / kSecondNs;
  const std::string span = seconds < 120       ? fmt::format("{} s", seconds)
                           : seconds < 7'200   ? fmt::format("{} min", seconds / 60)
                           : seconds < 172'800 ? fmt::format("{} h", seconds / 3'600)
                                               : fmt::format("{} days", seconds / 86'400);
  return past ? span + " ago" : "in " + span;
}

}  // namespace tiercel::cli
