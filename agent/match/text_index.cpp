#include "agent/match/text_index.h"

#include <algorithm>

namespace tiercel::match {

PatternId TextIndex::add(Kind kind, std::string_view text, PatternId& next) {
  std::string key(text);
  if (kind == Kind::kSuffix) std::reverse(key.begin(), key.end());  // the trie is walked from the end of the text
  auto [it, fresh] = adding_[static_cast<size_t>(kind)].try_emplace(std::move(key), next);
  if (fresh) ++next;
  return it->second;
}

std::vector<Pattern> TextIndex::patterns(Kind kind) const {
  std::vector<Pattern> out;
  for (const auto& [text, id] : adding_[static_cast<size_t>(kind)]) out.push_back({text, id});
  std::sort(out.begin(), out.end(), [](const Pattern& a, const Pattern& b) { return a.id < b.id; });
  return out;
}

void TextIndex::build() {
  exact_ = ExactTexts(patterns(Kind::kExact));
  prefix_ = ByteTrie(patterns(Kind::kPrefix));
  suffix_ = ByteTrie(patterns(Kind::kSuffix));
  contains_ = Substrings(patterns(Kind::kContains), Substrings::Case::kExact);
  icontains_ = Substrings(patterns(Kind::kIContains), Substrings::Case::kIgnore);
  adding_ = {};
}

}  // namespace tiercel::match
