#include "agent/rule/names.h"

#include <algorithm>
#include <cstdlib>

namespace tiercel::rule {
namespace {

// Damerau-Levenshtein distance (adjacent swaps count one), given up beyond the limit.
size_t distance(std::string_view a, std::string_view b, size_t limit) {
  const size_t gap = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (gap > limit) return limit + 1;
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    size_t best = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
      best = std::min(best, row[j]);
    }
    if (best > limit) return limit + 1;
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > 100) return {};
  size_t limit = std::max<size_t>(1, word.size() / 3);
  std::string_view best;
  for (std::string_view candidate : candidates) {
    const size_t d = distance(word, candidate, limit);
    if (d > limit || d == 0) continue;
    best = candidate;
    limit = d - 1;
    if (limit == 0) break;
  }
  return std::string(best);
}

}  // namespace tiercel::rule
