#include "agent/match/substrings.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tiercel::match {
namespace {

constexpr size_t kLongest = 12;  // of the part of a pattern that the filter looks at
constexpr size_t kFilterBitsMin = 1u << 13, kFilterBitsMax = 1u << 19;
constexpr uint32_t kLowerCase = 0x20202020;

// Bytes that paths and command lines are full of say little.
unsigned rarity(char c) {
  static constexpr std::string_view kCommon = "/etcaoinslrbupd.-_ 01";
  const size_t at = kCommon.find(c);
  return at == std::string_view::npos ? 24 : static_cast<unsigned>(at);
}

// `size` bytes at `at` in the low bytes of a word.
uint32_t piece_at(const char* at, size_t size) {
  uint32_t out = 0;
  std::memcpy(&out, at, size);
  return out;
}

// The `size` bytes in a row of the text that are least likely elsewhere.
std::string_view rarest_part(std::string_view text, size_t size) {
  size_t best = 0, best_score = 0;
  for (size_t n = 0; n + size <= text.size(); ++n) {
    size_t score = 1;
    for (char c : text.substr(n, size)) score += rarity(c);
    if (score > best_score) best = n, best_score = score;
  }
  return text.substr(best, size);
}

}  // namespace

Substrings::Substrings(std::vector<Pattern> patterns, Case letters) : letters_(letters) {
  if (patterns.empty()) return;
  make_filter(patterns);
  trie_ = ByteTrie(std::move(patterns));
  make_links();
  make_rows();
}

void Substrings::make_filter(const std::vector<Pattern>& patterns) {
  size_t shortest = kLongest;
  for (const Pattern& pattern : patterns)
    if (!pattern.text.empty()) shortest = std::min(shortest, pattern.text.size());
  for (const Pattern& pattern : patterns) longest_ = std::max(longest_, pattern.text.size());
  if (shortest < 2) return;  // it would let nearly everything through
  piece_bytes_ = shortest > 4 ? 4 : shortest > 2 ? 3 : 2;
  stride_ = shortest - piece_bytes_ + 1;
  const size_t bits = std::clamp(std::bit_ceil(patterns.size() * stride_ * 32), kFilterBitsMin, kFilterBitsMax);
  filter_shift_ = 32 - std::countr_zero(bits);
  case_bits_ = letters_ == Case::kIgnore ? kLowerCase : 0;
  piece_mask_ = piece_bytes_ == 4 ? UINT32_MAX : (1u << (8 * piece_bytes_)) - 1;
  filter_.assign(bits / 64, 0);
  for (const Pattern& pattern : patterns) {
    if (pattern.text.empty()) continue;
    const std::string_view part = rarest_part(pattern.text, shortest);
    for (size_t n = 0; n < stride_; ++n) {
      const size_t bit = filter_bit(piece_at(part.data() + n, piece_bytes_));
      filter_[bit / 64] |= uint64_t{1} << (bit % 64);
    }
  }
}

// Every stride_-th position is enough: wherever a pattern lies, one of the pieces of its part is met.
size_t Substrings::next_piece(std::string_view text, size_t from) const {
  const uint64_t* filter = filter_.data();
  const auto hit = [&](uint32_t piece) {
    const uint32_t bit = filter_bit(piece);
    return (filter[bit / 64] >> (bit % 64) & 1) != 0;
  };
  const size_t stride = stride_;
  size_t at = from;
  for (; at + sizeof(uint32_t) <= text.size(); at += stride)
    if (hit(piece_at(text.data() + at, sizeof(uint32_t)))) return at;
  for (; at + piece_bytes_ <= text.size(); at += stride)
    if (hit(piece_at(text.data() + at, piece_bytes_))) return at;
  return kNone;
}

// Breadth first: a node's failure link lies nearer to the root and is known by then.
void Substrings::make_links() {
  fail_.assign(trie_.size(), ByteTrie::kRoot);
  shorter_.assign(trie_.size(), ByteTrie::kNone);
  interesting_.assign(trie_.size(), false);
  for (State state = 0; state < trie_.size(); ++state) {
    if (state != ByteTrie::kRoot) {
      const State fail = fail_[state];
      shorter_[state] = trie_.ends(fail).empty() ? shorter_[fail] : fail;
      // The empty pattern is told once per text, not at every byte.
      if (shorter_[state] == ByteTrie::kRoot) shorter_[state] = ByteTrie::kNone;
      interesting_[state] = !trie_.ends(state).empty() || shorter_[state] != ByteTrie::kNone;
    }
    for (size_t n = 0; n < trie_.child_count(state); ++n) {
      const auto [child, byte] = trie_.child(state, n);
      State from = state;
      while (from != ByteTrie::kRoot) {
        from = fail_[from];
        if (const State to = trie_.step(from, byte); to != ByteTrie::kNone) {
          fail_[child] = to;
          break;
        }
      }
    }
  }
}

void Substrings::make_rows() {
  classes_.fill(0);
  class_count_ = 1;
  for (State state = 1; state < trie_.size(); ++state) classes_[trie_.byte(state)] = 1;
  for (uint16_t& byte_class : classes_)
    if (byte_class != 0) byte_class = static_cast<uint16_t>(class_count_++);
  row_count_ = std::clamp<size_t>(kRowEntriesMax / class_count_, 1, trie_.size());
  rows_.assign(row_count_ * class_count_, ByteTrie::kRoot);
  for (State state = 0; state < row_count_; ++state) {
    State* row = rows_.data() + state * class_count_;
    if (state != ByteTrie::kRoot) std::copy_n(rows_.data() + fail_[state] * class_count_, class_count_, row);
    for (size_t n = 0; n < trie_.child_count(state); ++n) {
      const auto [child, byte] = trie_.child(state, n);
      row[classes_[byte]] = child;
    }
  }
}

}  // namespace tiercel::match
