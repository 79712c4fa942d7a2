#include "agent/context/containers.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <array>

#include "agent/base/fd.h"

namespace tiercel::context {
namespace {

constexpr size_t kIdLength = 64;
constexpr size_t kShortIdLength = 12;
constexpr size_t kRecordSizeMax = 4u << 20;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

std::string text_at(const rapidjson::Value& object, const char* key) {
  if (!object.IsObject()) return {};
  auto it = object.FindMember(key);
  return it != object.MemberEnd() && it->value.IsString()
             ? std::string(it->value.GetString(), it->value.GetStringLength())
             : std::string();
}

const rapidjson::Value& member(const rapidjson::Value& object, const char* key) {
  static const rapidjson::Value none;
  if (!object.IsObject()) return none;
  auto it = object.FindMember(key);
  return it == object.MemberEnd() ? none : it->value;
}

// /var/lib/docker/containers/<id>/config.v2.json, written by dockerd before it asks containerd to create the task.
bool load_docker(Container& container, const std::string& dir) {
  auto text = read_file(dir + "/config.v2.json", kRecordSizeMax);
  if (!text) return false;
  rapidjson::Document config;
  config.Parse<rapidjson::kParseIterativeFlag>(text->data(), text->size());
  if (config.HasParseError() || !config.IsObject()) return false;
  container.name = text_at(config, "Name");
  if (!container.name.empty() && container.name.front() == '/') container.name.erase(0, 1);
  container.image_id = text_at(config, "Image");
  set_image(container, text_at(member(config, "Config"), "Image"));
  if (auto host = read_file(dir + "/hostconfig.json", kRecordSizeMax)) {
    rapidjson::Document parsed;
    parsed.Parse<rapidjson::kParseIterativeFlag>(host->data(), host->size());
    const rapidjson::Value& privileged = member(parsed, "Privileged");
    container.privileged = privileged.IsBool() && privileged.GetBool();
  }
  container.type = "docker";
  return true;
}

std::string type_of(std::string_view path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kMarks = {{{"docker", "docker"},
                                                                                    {"cri-containerd", "containerd"},
                                                                                    {"crio", "cri-o"},
                                                                                    {"libpod", "podman"},
                                                                                    {"lxc", "lxc"}}};
  for (auto [mark, type] : kMarks)
    if (path.find(mark) != std::string_view::npos) return std::string(type);
  return {};
}

}  // namespace

std::string_view container_id_of(std::string_view path) {
  // The innermost run of exactly 64 hexadecimal digits.
  for (size_t end = path.size(); end > 0;) {
    if (!is_hex(path[end - 1])) {
      --end;
      continue;
    }
    size_t begin = end;
    while (begin > 0 && is_hex(path[begin - 1])) --begin;
    if (end - begin == kIdLength) return path.substr(begin, kIdLength);
    end = begin;
  }
  return {};
}

void set_image(Container& container, std::string image) {
  container.image = image;
  if (size_t digest = image.find('@'); digest != std::string::npos) image.resize(digest);
  const size_t slash = image.rfind('/');
  const size_t colon = image.rfind(':');
  if (colon != std::string::npos && (slash == std::string::npos || colon > slash)) {
    container.image_tag = image.substr(colon + 1);
    image.resize(colon);
  } else if (!image.empty()) {
    container.image_tag = "latest";
  }
  container.image_repository = image;
}

Containers::Containers(Roots roots, Metrics& metrics) : roots_(std::move(roots)), metrics_(metrics) {}

std::shared_ptr<const Container> Containers::load(std::string_view full_id, std::string_view path) const {
  auto container = std::make_shared<Container>();
  container->full_id = full_id;
  container->id = full_id.substr(0, kShortIdLength);
  container->type = type_of(path);
  container->known = load_docker(*container, roots_.host + roots_.docker + "/containers/" + container->full_id);
  if (!container->known)
    metrics_.counter("tiercel_containers_without_record_total", "Containers whose runtime's record was not found")
        .add();
  return container;
}

void Containers::cgroup_seen(uint64_t cgroup_id, std::string_view path) {
  const std::string_view full_id = container_id_of(path);
  by_cgroup_[cgroup_id] = full_id.empty() ? nullptr : load(full_id, path);
}

void Containers::announce(uint64_t cgroup_id, Container container) {
  by_cgroup_[cgroup_id] = std::make_shared<const Container>(std::move(container));
}

std::shared_ptr<const Container> Containers::of_cgroup(uint64_t cgroup_id) {
  auto it = by_cgroup_.find(cgroup_id);
  return it == by_cgroup_.end() ? nullptr : it->second;
}

}  // namespace tiercel::context
