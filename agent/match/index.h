// Index: everything that conditions compare one field with, answered in one pass per kind of comparison. Patterns get
// numbers while it is filled; build() freezes it, and from then on any thread may ask. Numbers and addresses are looked
// up as bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/match/byte_trie.h"
#include "agent/match/exact_texts.h"
#include "agent/match/glob_set.h"
#include "agent/match/path_trie.h"
#include "agent/match/regex.h"
#include "agent/match/substrings.h"

namespace tiercel::match {

enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kContains, kIContains, kUnder, kGlob, kRegex, kNetwork };
inline constexpr size_t kKinds = 9;

// The pattern of kNetwork: `bits` leading bits of an address of 4 or 16 bytes.
[[nodiscard]] std::string network_pattern(std::string_view address, unsigned bits);

class Index {
 public:
  // The number of this pattern for this comparison; `next` is given out and bumped for one that is new.
  PatternId add(Kind kind, std::string_view pattern, PatternId& next);
  void build();

  // Calls found(id), once or more, for every pattern of the kind that holds for the text.
  template <class Found>
  void find(Kind kind, std::string_view text, Found&& found) const {
    switch (kind) {
      case Kind::kExact:
        if (const PatternId id = exact_.find(text); id != ExactTexts::kNone) found(id);
        return;
      case Kind::kPrefix:
        return prefix_.prefixes(text, false, found);
      case Kind::kSuffix:
        return suffix_.prefixes(text, true, found);
      case Kind::kContains:
        return contains_.find(text, found);
      case Kind::kIContains:
        return icontains_.find(text, found);
      case Kind::kUnder:
        return under_.find(text, found);
      case Kind::kGlob:
        return globs_.find(text, found);
      case Kind::kRegex:
        return regex_.find(text, [&](PatternId id) { found(id); });
      case Kind::kNetwork:
        for (const auto& [bytes, bits] : network_sizes_)
          if (bytes == text.size())
            if (const PatternId id = find_network(text, bits); id != ExactTexts::kNone) found(id);
        return;
    }
  }

 private:
  [[nodiscard]] std::vector<Pattern> patterns(Kind kind) const;
  [[nodiscard]] PatternId find_network(std::string_view address, unsigned bits) const;

  std::array<std::unordered_map<std::string, PatternId>, kKinds> adding_;  // until build()
  ExactTexts exact_;
  ByteTrie prefix_, suffix_;
  Substrings contains_, icontains_;
  PathTrie under_;
  GlobSet globs_;
  RegexSet regex_;
  ExactTexts networks_;
  std::vector<std::pair<size_t, unsigned>> network_sizes_;  // bytes of the address, bits of the network; distinct
};

}  // namespace tiercel::match
