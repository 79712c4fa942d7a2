#include "agent/rule/image_cache.h"

namespace tiercel::rule {

void ImageCache::bind(uint32_t places) {
  places_ = places;
  for (Entry& entry : entries_) entry = Entry();
}

void ImageCache::take(Entry& entry, const std::shared_ptr<const context::Image>& image) const {
  entry.image = image;
  entry.texts.restart(places_);
}

}  // namespace tiercel::rule
