// TextIndex: every text that conditions compare one field with, answered in one pass per kind of comparison. Patterns
// get numbers while it is filled; build() freezes it, and from then on any thread may ask.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/match/byte_trie.h"
#include "agent/match/exact_texts.h"
#include "agent/match/substrings.h"

namespace tiercel::match {

enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kContains, kIContains };
inline constexpr size_t kKinds = 5;

class TextIndex {
 public:
  // The number of this text for this comparison; `next` is given out and bumped for one that is new.
  PatternId add(Kind kind, std::string_view text, PatternId& next);
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
    }
  }

 private:
  [[nodiscard]] std::vector<Pattern> patterns(Kind kind) const;

  std::array<std::unordered_map<std::string, PatternId>, kKinds> adding_;  // until build()
  ExactTexts exact_;
  ByteTrie prefix_, suffix_;
  Substrings contains_, icontains_;
};

}  // namespace tiercel::match
