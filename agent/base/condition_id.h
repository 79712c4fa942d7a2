// condition_id: the number under which an output's condition goes through alerts and the spool (Alert::refused_by): a
// hash of its text, so that it means the same after a restart. FNV-1a, 64 bits, of the text without blanks around it.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace tiercel {

// 0: the text is empty, which is no condition; never 0 otherwise.
[[nodiscard]] constexpr uint64_t condition_id(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\b";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return 0;
  text = text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash == 0 ? 1 : hash;
}

}  // namespace tiercel
