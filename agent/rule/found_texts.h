// FoundTexts: which patterns held for the texts of one thing that many events have in common (an image, an opened
// file). A place is an operand and a kind of comparison that some rule makes (Operand::nth). One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/match/index.h"

namespace tiercel::rule {

class FoundTexts {
 public:
  using Patterns = std::span<const match::PatternId>;
  // Nothing: nobody looked yet. The patterns that held, in the order of being found; good until keep() or restart().
  [[nodiscard]] std::optional<Patterns> found(uint32_t place) const {
    const Found& found = found_[place];
    if (found.count == kUnknown) return std::nullopt;
    return Patterns(patterns_).subspan(found.first, found.count);
  }
  void keep(uint32_t place, Patterns patterns) {
    found_[place] = {static_cast<uint32_t>(patterns_.size()), static_cast<uint32_t>(patterns.size())};
    patterns_.insert(patterns_.end(), patterns.begin(), patterns.end());
  }
  // Of another thing from now on.
  void restart(uint32_t places) {
    found_.assign(places, Found());
    patterns_.clear();
  }

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX;
  struct Found {
    uint32_t first = 0, count = kUnknown;  // of patterns_
  };
  std::vector<Found> found_;
  std::vector<match::PatternId> patterns_;
};

}  // namespace tiercel::rule
