#include "agent/base/priority.h"

#include <algorithm>
#include <cctype>

namespace tiercel {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::optional<uint8_t> priority_number(std::string_view word) {
  if (same_word(word, "info")) word = "informational";
  for (size_t i = 0; i < kPriorityNames.size(); ++i)
    if (same_word(word, kPriorityNames[i])) return static_cast<uint8_t>(i);
  return std::nullopt;
}

std::optional<uint8_t> priority_number_of_three_steps(std::string_view word) {
  if (same_word(word, "high")) return priority_number("error");
  if (same_word(word, "medium")) return priority_number("warning");
  if (same_word(word, "low")) return priority_number("notice");
  return std::nullopt;
}

}  // namespace tiercel
