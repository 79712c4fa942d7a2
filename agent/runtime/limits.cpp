#include "agent/runtime/limits.h"

#include <algorithm>

#include "agent/container/claim.h"
#include "agent/container/json_text.h"

namespace tiercel::runtime {

std::string kept(container::Container& container, std::string_view text, size_t size_max) {
  return container::bounded_text(text, container.cut, size_max);
}

void fill(container::Container& container, std::string& field, std::string_view text, size_t size_max) {
  if (field.empty()) field = kept(container, text, size_max);
}

void LabelSet::add(std::string_view key, std::string_view value) {
  std::string name = container::bounded_text(key, cut_, container::kLabelSizeMax);
  if (labels_.size() >= container::kLabelsMax && !labels_.contains(name)) {
    cut_ = true;
    return;
  }
  labels_.insert_or_assign(std::move(name), container::bounded_text(value, cut_, container::kLabelSizeMax));
}

container::Labels LabelSet::take(container::Container& container) {
  container.cut |= cut_;
  container::Labels out(labels_.begin(), labels_.end());
  labels_.clear();
  return out;
}

bool is_hex(std::string_view text, size_t size_min, size_t size_max) {
  return text.size() >= size_min && text.size() <= size_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string_view image_id_of(std::string_view text) {
  constexpr std::string_view kSha256 = "sha256:";
  if (text.starts_with(kSha256)) text.remove_prefix(kSha256.size());
  return container::is_long_id(text) ? text : std::string_view{};
}

}  // namespace tiercel::runtime
