// FoundTexts: which patterns held for the texts of one thing that many events have in common (an image, an opened
// file), by the operand that was looked up and the kind of comparison. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agent/match/index.h"

namespace tiercel::rule {

class FoundTexts {
 public:
  // nullptr: nobody looked yet. The patterns that held, in the order of being found.
  [[nodiscard]] const std::vector<match::PatternId>* found(uint32_t slot, match::Kind kind) const {
    const Found& found = found_[place(slot, kind)];
    return found.known ? &found.patterns : nullptr;
  }
  void keep(uint32_t slot, match::Kind kind, std::span<const match::PatternId> patterns) {
    Found& found = found_[place(slot, kind)];
    found.patterns.assign(patterns.begin(), patterns.end());
    found.known = true;
  }
  // Of another thing from now on; slots: of operands.
  void restart(uint32_t slots) {
    found_.resize(slots * match::kKinds);
    for (Found& found : found_) found.known = false;
  }

 private:
  struct Found {
    bool known = false;
    std::vector<match::PatternId> patterns;
  };
  [[nodiscard]] static size_t place(uint32_t slot, match::Kind kind) {
    return slot * match::kKinds + static_cast<size_t>(kind);
  }
  std::vector<Found> found_;
};

}  // namespace tiercel::rule
