#include "agent/match/substrings.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tiercel::match {
namespace {

constexpr size_t kFilterBitsMin = 1u << 13, kFilterBitsMax = 1u << 19;
constexpr uint32_t kLowerCase =
    0x20202020;  // makes letters of one case; other bytes may fall together, which a filter bears

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

std::string_view rarest_piece(std::string_view text, size_t size) {
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

size_t Substrings::filter_bit(uint32_t piece) const {
  if (letters_ == Case::kIgnore) piece |= kLowerCase;
  return ((piece & filter_mask_) * 0x9E3779B1u) >> filter_shift_;
}

void Substrings::make_filter(const std::vector<Pattern>& patterns) {
  size_t shortest = sizeof(uint32_t);
  for (const Pattern& pattern : patterns)
    if (!pattern.text.empty()) shortest = std::min(shortest, pattern.text.size());
  if (shortest < 2) return;  // it would let nearly everything through
  const size_t bits = std::clamp(std::bit_ceil(patterns.size() * 32), kFilterBitsMin, kFilterBitsMax);
  filter_shift_ = 32 - std::countr_zero(bits);
  filter_bytes_ = shortest;
  filter_mask_ = shortest == 4 ? UINT32_MAX : (1u << (8 * shortest)) - 1;
  filter_.assign(bits / 64, 0);
  for (const Pattern& pattern : patterns) {
    if (pattern.text.empty()) continue;
    const std::string_view piece = rarest_piece(pattern.text, shortest);
    const size_t bit = filter_bit(piece_at(piece.data(), piece.size()));
    filter_[bit / 64] |= uint64_t{1} << (bit % 64);
  }
}

bool Substrings::may_occur(std::string_view text) const {
  if (text.size() < filter_bytes_) return false;
  const auto hit = [this](uint32_t piece) {
    const size_t bit = filter_bit(piece);
    return (filter_[bit / 64] >> (bit % 64) & 1) != 0;
  };
  size_t n = 0;
  for (; n + sizeof(uint32_t) <= text.size(); ++n)
    if (hit(piece_at(text.data() + n, sizeof(uint32_t)))) return true;
  for (; n + filter_bytes_ <= text.size(); ++n)
    if (hit(piece_at(text.data() + n, filter_bytes_))) return true;
  return false;
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
