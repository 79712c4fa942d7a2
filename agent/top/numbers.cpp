#include "agent/top/numbers.h"

#include <fmt/core.h>

#include <cmath>

namespace tiercel::top {

std::string grouped(uint64_t value) {
  std::string digits = std::to_string(value);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string short_number(double value) {
  if (value <= 0) return "0";
  if (value < 0.05) return "<0.1";
  if (value < 9.95) return value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{:.1f}", value);
  if (value < 999'999.5) return grouped(static_cast<uint64_t>(std::llround(value)));
  for (const char* unit : {"M", "G", "T"}) {
    value /= value < 999'999'500 ? 1e6 : 1e3;
    if (value < 999.5) return fmt::format("{:.{}f}{}", value, value < 9.95 ? 2 : value < 99.5 ? 1 : 0, unit);
  }
  return fmt::format("{:.1e}", value * 1e12);
}

std::string short_time_ns(double ns) {
  if (ns <= 0) return "-";
  if (ns < 999.5) return fmt::format("{:.0f}ns", ns);
  for (const char* unit : {"us", "ms"}) {
    ns /= 1e3;
    if (ns < 999.5) return fmt::format("{:.{}f}{}", ns, ns < 9.95 ? 1 : 0, unit);
  }
  return fmt::format("{:.1f}s", ns / 1e3);
}

std::string percent(double value) {
  if (value <= 0) return "0";
  if (value < 0.005) return "<0.01";
  return fmt::format("{:.{}f}", value, value < 0.995 ? 2 : value < 99.95 ? 1 : 0);
}

std::string bytes(uint64_t value) {
  if (value < 10'240) return fmt::format("{} B", value);
  if (value < 1u << 20) return fmt::format("{} KiB", value >> 10);
  return fmt::format("{:.1f} MiB", static_cast<double>(value) / (1 << 20));
}

std::string duration(uint64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7'200) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 172'800) return fmt::format("{} h {} min", seconds / 3'600, seconds % 3'600 / 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds % 86'400 / 3'600);
}

std::string shown(const Value& value, Unit unit) {
  switch (unit) {
    case Unit::kText:
    case Unit::kPath:
      return value.text;
    case Unit::kId:
      return fmt::format("{:.0f}", value.number);
    case Unit::kCount:
      return value.number < 1e7 ? grouped(static_cast<uint64_t>(value.number)) : short_number(value.number);
    case Unit::kRate:
      return short_number(value.number);
    case Unit::kPercent:
      return percent(value.number);
    case Unit::kNs:
      return short_time_ns(value.number);
  }
  return {};
}

}  // namespace tiercel::top
