// Numbers for people: short enough for a column, long enough to be told apart. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "agent/top/figures.h"

namespace tiercel::top {

// "0", "0.4", "12", "9,312", "1.2M": at most 7 columns.
[[nodiscard]] std::string short_number(double value);
[[nodiscard]] std::string grouped(uint64_t value);     // "1,234,567"
[[nodiscard]] std::string short_time_ns(double ns);    // "85ns", "1.3us", "12ms", "-" for nothing
[[nodiscard]] std::string percent(double value);       // "0.04", "3.1", "100"
[[nodiscard]] std::string bytes(uint64_t value);       // "23.4 MiB"
[[nodiscard]] std::string duration(uint64_t seconds);  // "12 s", "4 min 10 s", "3 d 4 h"
[[nodiscard]] std::string shown(const Value& value, Unit unit);

}  // namespace tiercel::top
