// Substrings: which of many texts occur anywhere in this one? A filter over short pieces finds the few places where one
// may lie; around those an Aho-Corasick automaton runs (Aho and Corasick, CACM 18(6), 1975), so that time grows with
// the text alone, whoever wrote it. The states near the root, where nearly all time is spent, have full rows of
// transitions; the others keep their children and a failure link. Immutable; any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/match/byte_trie.h"

namespace tiercel::match {

class Substrings {
 public:
  enum class Case : uint8_t { kExact, kIgnore };  // kIgnore: patterns are in lower case (ASCII), texts need not be

  Substrings() = default;
  Substrings(std::vector<Pattern> patterns, Case letters);

  // Calls found(id) once or more for every pattern that occurs in the text; the empty pattern occurs in every text.
  template <class Found>
  void find(std::string_view text, Found&& found) const {
    if (trie_.empty()) return;
    report(ByteTrie::kRoot, found);
    State state = ByteTrie::kRoot;
    size_t done = 0;  // the automaton has seen the text up to here, or need not
    const auto run_to = [&](size_t end) {
      for (; done < end; ++done) {
        state = next(state, fold(static_cast<uint8_t>(text[done])));
        if (interesting_[state]) report(state, found);
      }
    };
    if (piece_bytes_ == 0) return run_to(text.size());
    // A pattern that lies over a piece begins and ends at most a pattern's length from it. No byte is run over twice.
    for (size_t at = next_piece(text, 0); at != kNone; at = next_piece(text, at + stride_)) {
      if (at >= longest_ && at - longest_ > done) {
        done = at - longest_;
        state = ByteTrie::kRoot;
      }
      run_to(std::min(text.size(), at + longest_));
    }
  }
  [[nodiscard]] bool empty() const { return trie_.empty(); }

 private:
  using State = ByteTrie::State;
  static constexpr size_t kNone = SIZE_MAX;
  static constexpr size_t kRowEntriesMax = 1u << 16;  // 256 KiB of rows at most

  [[nodiscard]] uint8_t fold(uint8_t byte) const {
    return letters_ == Case::kIgnore && byte >= 'A' && byte <= 'Z' ? static_cast<uint8_t>(byte + 32) : byte;
  }
  [[nodiscard]] State next(State state, uint8_t byte) const {
    while (state >= row_count_) {
      const State child = trie_.step(state, byte);
      if (child != ByteTrie::kNone) return child;
      state = fail_[state];
    }
    return rows_[state * class_count_ + classes_[byte]];
  }
  // The node's own patterns and those that end here as a suffix of it.
  template <class Found>
  void report(State state, Found&& found) const {
    for (; state != ByteTrie::kNone; state = shorter_[state])
      for (PatternId id : trie_.ends(state)) found(id);
  }
  void make_filter(const std::vector<Pattern>& patterns);
  void make_links();
  void make_rows();
  // Where the next piece of some pattern is, looking at `from` and every stride_ bytes after it.
  [[nodiscard]] size_t next_piece(std::string_view text, size_t from) const;
  // In kIgnore letters are made of one case, and other bytes may fall together, which a filter bears.
  [[nodiscard]] uint32_t filter_bit(uint32_t piece) const {
    return (((piece | case_bits_) & piece_mask_) * 0x9E3779B1u) >> filter_shift_;
  }

  ByteTrie trie_;
  Case letters_ = Case::kExact;
  std::vector<State> fail_;            // the longest proper suffix that is a node
  std::vector<State> shorter_;         // the longest proper suffix at which a pattern ends; kNone: none
  std::vector<bool> interesting_;      // a pattern ends here, itself or as a suffix
  std::array<uint16_t, 256> classes_;  // bytes that no pattern has share class 0
  size_t class_count_ = 0, row_count_ = 0;
  std::vector<State> rows_;
  size_t piece_bytes_ = 0;  // length of the filter's pieces, 0: no filter
  size_t stride_ = 1, longest_ = 0;
  uint32_t piece_mask_ = 0, case_bits_ = 0;
  int filter_shift_ = 0;  // 32 less the logarithm of the filter's bits
  std::vector<uint64_t> filter_;
};

}  // namespace tiercel::match
