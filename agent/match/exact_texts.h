// ExactTexts: which of many distinct texts is this one? A hash table with open addressing that is asked far more often
// for texts that it does not hold. Holds copies. Immutable once built; any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "agent/match/byte_trie.h"

namespace tiercel::match {

// Not for keys that a stranger chooses: the stored texts come from rules, and a lookup never changes the table.
[[nodiscard]] inline uint64_t hash_text(std::string_view text) {
  constexpr uint64_t kMix = 0x9E3779B97F4A7C15ull;
  uint64_t hash = text.size() * kMix;
  const char* at = text.data();
  size_t left = text.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, 8);
    hash = (hash ^ word) * kMix;
    hash ^= hash >> 32;
  }
  uint64_t word = 0;
  if (left > 0) std::memcpy(&word, at, left);
  hash = (hash ^ word) * kMix;
  return hash ^ hash >> 29;
}

class ExactTexts {
 public:
  static constexpr PatternId kNone = UINT32_MAX;

  ExactTexts() = default;
  explicit ExactTexts(const std::vector<Pattern>& patterns);

  [[nodiscard]] PatternId find(std::string_view text) const {
    if (slots_.empty() || !may_be(text)) return kNone;
    const uint64_t hash = hash_text(text);
    for (uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.id == kNone) return kNone;
      if (slot.tag == static_cast<uint32_t>(hash >> 32) && text_of(slot) == text) return slot.id;
    }
  }
  [[nodiscard]] bool empty() const { return slots_.empty(); }

 private:
  // Length and end tell most of the texts that are not here, and long ones need not be hashed for that.
  static constexpr size_t kEndBits = 1u << 12;
  [[nodiscard]] static size_t end_bit(std::string_view text) {
    uint64_t end = 0;
    std::memcpy(&end, text.data() + text.size() - sizeof end, sizeof end);
    return ((end + text.size()) * 0x9E3779B97F4A7C15ull) >> (64 - 12);
  }
  [[nodiscard]] bool may_be(std::string_view text) const {
    if (text.size() < sizeof(uint64_t)) return true;
    const size_t bit = end_bit(text);
    return (ends_[bit / 64] >> (bit % 64) & 1) != 0;
  }
  struct Slot {
    uint32_t tag = 0;
    uint32_t offset = 0, size = 0;
    PatternId id = kNone;
  };
  [[nodiscard]] std::string_view text_of(const Slot& slot) const {
    return std::string_view(bytes_).substr(slot.offset, slot.size);
  }

  std::vector<Slot> slots_;
  std::string bytes_;
  uint64_t mask_ = 0;
  std::vector<uint64_t> ends_;  // kEndBits bits
};

}  // namespace tiercel::match
