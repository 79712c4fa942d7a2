// ImageCache: which texts held for a program's image, for the images that made events of late. An image never changes,
// so what was found for it is found for each of its events. Bounded; a slot's image stays in memory until another one
// takes the slot, so that no other can have its address. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "agent/context/process.h"
#include "agent/rule/found_texts.h"

namespace tiercel::rule {

class ImageCache {
 public:
  // places: of one image; forgets all.
  void bind(uint32_t places);
  FoundTexts& of(const std::shared_ptr<const context::Image>& image) {
    const auto address = reinterpret_cast<uintptr_t>(image.get());
    Entry& entry = entries_[(address * 0x9E3779B97F4A7C15u) >> (64 - kSizeBits)];
    if (entry.image.get() != image.get()) take(entry, image);
    return entry.texts;
  }

 private:
  static constexpr int kSizeBits = 6;
  struct Entry {
    std::shared_ptr<const context::Image> image;
    FoundTexts texts;
  };
  void take(Entry& entry, const std::shared_ptr<const context::Image>& image) const;
  uint32_t places_ = 0;
  std::array<Entry, size_t{1} << kSizeBits> entries_;
};

}  // namespace tiercel::rule
