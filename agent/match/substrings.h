// Substrings: which of many texts occur anywhere in this one? A filter over short pieces says "none" for most texts
// without following anything; what it lets through goes over an Aho-Corasick automaton (Aho and Corasick, CACM 18(6),
// 1975), whose time grows with the text alone, whoever wrote it. The states near the root, where nearly all time is
// spent, have full rows of transitions; the others keep their children and a failure link. Immutable; any thread.
#pragma once

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
    if (piece_bytes_ > 0 && !may_occur(text)) return;
    State state = ByteTrie::kRoot;
    for (char c : text) {
      state = next(state, fold(static_cast<uint8_t>(c)));
      if (interesting_[state]) report(state, found);
    }
  }
  [[nodiscard]] bool empty() const { return trie_.empty(); }

 private:
  using State = ByteTrie::State;
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
  [[nodiscard]] bool may_occur(std::string_view text) const;
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
  size_t stride_ = 1;
  uint32_t piece_mask_ = 0, case_bits_ = 0;
  int filter_shift_ = 0;  // 32 less the logarithm of the filter's bits
  std::vector<uint64_t> filter_;
};

}  // namespace tiercel::match
