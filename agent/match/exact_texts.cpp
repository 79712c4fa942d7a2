#include "agent/match/exact_texts.h"

#include <bit>

namespace tiercel::match {

ExactTexts::ExactTexts(const std::vector<Pattern>& patterns) {
  if (patterns.empty()) return;
  slots_.resize(std::bit_ceil(patterns.size() * 2 + 1));
  mask_ = slots_.size() - 1;
  ends_.assign(kEndBits / 64, 0);
  for (const Pattern& pattern : patterns) {
    const uint64_t hash = hash_text(pattern.text);
    uint64_t at = hash & mask_;
    while (slots_[at].id != kNone) at = (at + 1) & mask_;
    slots_[at] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(bytes_.size()),
                  static_cast<uint32_t>(pattern.text.size()), pattern.id};
    bytes_ += pattern.text;
    if (pattern.text.size() < sizeof(uint64_t)) continue;
    const size_t bit = end_bit(pattern.text);
    ends_[bit / 64] |= uint64_t{1} << (bit % 64);
  }
}

}  // namespace tiercel::match
