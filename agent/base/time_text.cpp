#include "agent/base/time_text.h"

#include <cstdio>
#include <ctime>

namespace tiercel {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

std::string format_utc_or_local(uint64_t time_ns, bool utc, const char* format) {
  const auto seconds = static_cast<time_t>(time_ns / kNsPerSecond);
  tm parts{};
  if (utc)
    ::gmtime_r(&seconds, &parts);
  else
    ::localtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

std::string fraction(uint64_t time_ns) {
  char text[16];
  const int size = std::snprintf(text, sizeof text, ".%09u", static_cast<unsigned>(time_ns % kNsPerSecond));
  return {text, static_cast<size_t>(size)};
}

}  // namespace

std::string time_local_seconds(uint64_t time_ns) {
  return format_utc_or_local(time_ns, false, "%H:%M:%S");
}
std::string time_local(uint64_t time_ns) {
  return time_local_seconds(time_ns) + fraction(time_ns);
}
std::string datetime_local_seconds(uint64_t time_ns) {
  return format_utc_or_local(time_ns, false, "%Y-%m-%d %H:%M:%S");
}
std::string datetime_local(uint64_t time_ns) {
  return datetime_local_seconds(time_ns) + fraction(time_ns);
}
std::string iso8601_offset(uint64_t time_ns) {
  return format_utc_or_local(time_ns, true, "%Y-%m-%dT%H:%M:%S") + fraction(time_ns) + "+0000";
}
std::string iso8601_z(uint64_t time_ns) {
  return format_utc_or_local(time_ns, true, "%Y-%m-%dT%H:%M:%S") + fraction(time_ns) + "Z";
}

}  // namespace tiercel
