#include "agent/match/glob_set.h"

#include <utility>

namespace tiercel::match {

GlobSet::GlobSet(const std::vector<Pattern>& patterns) {
  std::vector<Glob> others;
  std::vector<std::string> runs;
  for (const Pattern& pattern : patterns) {
    GlobParts parts = parts_of_glob(pattern.text);
    Glob glob{std::string(pattern.text), std::move(parts.begin), std::move(parts.end), parts.longest, pattern.id};
    if (parts.longest.size() < kRunMin || globs_.size() == kMarkedMax) {
      others.push_back(std::move(glob));
      continue;
    }
    runs.push_back(std::move(parts.longest));
    globs_.push_back(std::move(glob));
  }
  marked_ = globs_.size();
  for (Glob& glob : others) globs_.push_back(std::move(glob));
  runs_ = Substrings(numbered(runs), Substrings::Case::kExact);
}

}  // namespace tiercel::match
