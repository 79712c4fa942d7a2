// What containers/storage keeps for Podman and CRI-O: <driver>-containers/containers.json, <driver>-images/images.json.
#include <algorithm>

#include "agent/container/claim.h"
#include "agent/container/json_text.h"
#include "agent/container/record.h"

namespace tiercel::container {
namespace {

constexpr size_t kElementSizeMax = 1u << 20;

// Does the text end in a tag or digest of that repository?
bool is_of(std::string_view name, std::string_view repository) {
  return name.size() > repository.size() && name.starts_with(repository) &&
         (name[repository.size()] == ':' || name[repository.size()] == '@');
}

void read_metadata(Container& c, std::string_view text) {
  rapidjson::Document metadata;
  if (!parse_object(metadata, text)) return;
  if (std::string image = text_at(metadata, "image-name", c.cut); !image.empty() && c.image.empty())
    set_image(c, std::move(image));
  if (c.image_id.empty()) c.image_id = text_at(metadata, "image-id", c.cut);
  if (c.name.empty()) c.name = text_at(metadata, "name", c.cut);
  if (auto privileged = bool_of(member(metadata, "privileged")); privileged && c.type == "cri-o")
    c.privileged = privileged;
  const Json& created = member(metadata, "created-at");
  if (c.created_ns == 0 && created.IsInt64() && created.GetInt64() > 0 && created.GetInt64() < 18'000'000'000)
    c.created_ns = static_cast<uint64_t>(created.GetInt64()) * 1'000'000'000;
}

bool take_container(Container& c, std::string_view element) {
  rapidjson::Document json;
  if (element.size() > kElementSizeMax || !parse_object(json, element)) return false;
  if (text_at(json, "id", c.cut) != c.full_id) return false;
  const Json& names = member(json, "names");
  if (c.name.empty() && names.IsArray() && !names.Empty()) c.name = text_of(names[0], c.cut);
  if (c.image_id.empty()) c.image_id = text_at(json, "image", c.cut);
  read_metadata(c, text_at(json, "metadata", c.cut, kElementSizeMax));
  if (c.created_ns == 0) c.created_ns = time_ns_of(text_at(json, "created", c.cut));
  return true;
}

bool take_image(Container& c, std::string_view element) {
  rapidjson::Document json;
  if (element.size() > kElementSizeMax || !parse_object(json, element)) return false;
  if (text_at(json, "id", c.cut) != c.image_id) return false;
  const Json& names = member(json, "names");
  if (names.IsArray()) {
    for (const Json& item : names.GetArray()) {
      std::string name = text_of(item, c.cut);
      const size_t at = name.find('@');
      if (at != std::string::npos && c.image_digest.empty() && is_of(name, c.image_repository))
        c.image_digest = name.substr(at + 1);
      if (at == std::string::npos && c.image_repository.empty()) set_image(c, std::move(name));
    }
  }
  if (c.image_digest.empty()) c.image_digest = text_at(json, "digest", c.cut);
  return true;
}

}  // namespace

bool read_storage_containers(Container& c, std::string_view containers_json) {
  if (c.full_id.empty()) return false;
  return any_element(containers_json, c.full_id, [&](std::string_view element) { return take_container(c, element); });
}

bool read_storage_images(Container& c, std::string_view images_json) {
  if (c.image_id.empty()) return false;
  return any_element(images_json, c.image_id, [&](std::string_view element) { return take_image(c, element); });
}

}  // namespace tiercel::container
