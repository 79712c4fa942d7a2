// Many shell patterns against one text. Few of them can match a text: each is tried only where the longest run of plain
// letters in it occurs, all of which one pass over the text finds. Immutable; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/match/byte_trie.h"
#include "agent/match/path_trie.h"
#include "agent/match/substrings.h"

namespace tiercel::match {

class GlobSet {
 public:
  GlobSet() = default;
  explicit GlobSet(const std::vector<Pattern>& patterns);

  // Calls found(id) once for every pattern that matches the whole text.
  template <class Found>
  void find(std::string_view text, Found&& found) const {
    const auto try_one = [&](size_t n) {
      const Glob& glob = globs_[n];
      if (text.starts_with(glob.begin) && text.ends_with(glob.end) && glob_match(glob.pattern, text)) found(glob.id);
    };
    for (size_t n = marked_; n < globs_.size(); ++n)
      if (globs_[n].run.empty() || text.find(globs_[n].run) != std::string_view::npos) try_one(n);
    if (marked_ == 0) return;
    std::array<uint64_t, kMarkedMax / 64> tried{};  // a run may occur often: its pattern is tried once
    runs_.find(text, [&](PatternId n) {
      uint64_t& word = tried[n / 64];
      const uint64_t bit = uint64_t{1} << (n % 64);
      if ((word & bit) != 0) return;
      word |= bit;
      try_one(n);
    });
  }

 private:
  static constexpr size_t kMarkedMax = 1024;  // of them `tried` has a bit; those beyond are looked for one by one
  static constexpr size_t kRunMin = 5;        // shorter ones make the look for all of them slower
  struct Glob {
    std::string pattern, begin, end, run;
    PatternId id = 0;
  };
  std::vector<Glob> globs_;
  size_t marked_ = 0;  // the first so many have a run to look for
  Substrings runs_;    // by index in globs_
};

}  // namespace tiercel::match
