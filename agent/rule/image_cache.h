// ImageCache: which texts held for a program's image, for the images that made events of late. An image never changes,
// so what was found for it is found for each of its events. Bounded; a slot's image stays in memory until another one
// takes the slot, so that no other can have its address. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/context/process.h"
#include "agent/match/index.h"

namespace tiercel::rule {

class ImageCache {
 public:
  class Entry {
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

   private:
    friend class ImageCache;
    struct Found {
      bool known = false;
      std::vector<match::PatternId> patterns;
    };
    [[nodiscard]] static size_t place(uint32_t slot, match::Kind kind) {
      return slot * match::kKinds + static_cast<size_t>(kind);
    }
    std::shared_ptr<const context::Image> image_;
    std::vector<Found> found_;
  };

  // slots: of one image; forgets all.
  void bind(uint32_t slots);
  Entry& of(const std::shared_ptr<const context::Image>& image) {
    const auto address = reinterpret_cast<uintptr_t>(image.get());
    Entry& entry = entries_[(address * 0x9E3779B97F4A7C15u) >> (64 - kSizeBits)];
    if (entry.image_.get() != image.get()) take(entry, image);
    return entry;
  }

 private:
  static constexpr int kSizeBits = 8;
  void take(Entry& entry, const std::shared_ptr<const context::Image>& image) const;
  uint32_t slots_ = 0;
  std::array<Entry, size_t{1} << kSizeBits> entries_;
};

}  // namespace tiercel::rule
