#include "agent/response/ar_conf.h"

#include <algorithm>
#include <charconv>

#include "agent/response/command.h"

namespace tiercel::response {
namespace {

constexpr size_t kEntriesMax = 4096;
constexpr std::string_view kBetween = " - ";

bool parse_line(std::string_view line, ArEntry& entry) {
  const size_t last = line.rfind(kBetween);
  if (last == std::string_view::npos || last == 0) return false;
  const size_t first = line.rfind(kBetween, last - 1);
  if (first == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, first), number = line.substr(last + kBetween.size());
  const std::string_view executable = line.substr(first + kBetween.size(), last - first - kBetween.size());
  if (!is_plain_name(name) || !is_plain_name(executable)) return false;
  uint64_t timeout_s = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), timeout_s);
  if (error != std::errc() || end != number.data() + number.size()) return false;
  entry = {std::string(name), std::string(executable),
           static_cast<uint32_t>(std::min<uint64_t>(timeout_s, kTimeoutSMax))};
  return true;
}

}  // namespace

std::vector<ArEntry> parse_ar_conf(std::string_view text) {
  std::vector<ArEntry> entries;
  text = text.substr(0, kArConfBytesMax);
  while (!text.empty() && entries.size() < kEntriesMax) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (ArEntry entry; parse_line(line, entry)) entries.push_back(std::move(entry));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return entries;
}

}  // namespace tiercel::response
