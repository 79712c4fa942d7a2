#include "agent/runtime/docker_api.h"

#include "agent/container/json_text.h"
#include "agent/container/record.h"
#include "agent/runtime/limits.h"

namespace tiercel::runtime {
namespace {

using container::Container;
using container::Json;
using container::member;
using container::text_at;

constexpr size_t kIdSizeMin = 12, kIdSizeMax = 64;
constexpr size_t kImageIdSizeMin = 4;
constexpr int kOk = 200, kNotFound = 404;

template <class T>
void fill_with(T& field, T told) {
  if (field == T()) field = std::move(told);
}

void fill_mode(Container& container, std::optional<bool>& field, const Json& host, const char* name) {
  if (!field && member(host, name).IsString()) field = text_at(host, name, container.cut) == "host";
}

void fill_mounts(Container& container, const Json& mounts) {
  if (!mounts.IsArray() || !container.mounts.empty()) return;
  for (const Json& mount : mounts.GetArray()) {
    if (!mount.IsObject()) continue;
    if (container.mounts.size() == container::kMountsMax) {
      container.cut = true;
      return;
    }
    container.mounts.push_back({text_at(mount, "Source", container.cut), text_at(mount, "Destination", container.cut),
                                text_at(mount, "Mode", container.cut),
                                container::bool_of(member(mount, "RW")).value_or(true),
                                text_at(mount, "Propagation", container.cut)});
  }
}

// All that the files would have said.
void fill_record(Container& container, Container told, const Json& answer) {
  const Json& host = member(answer, "HostConfig");
  fill_with(container.privileged, container::bool_of(member(host, "Privileged")));
  fill_mode(container, container.host_pid, host, "PidMode");
  fill_mode(container, container.host_network, host, "NetworkMode");
  fill_mode(container, container.host_ipc, host, "IpcMode");
  fill_mounts(container, member(answer, "Mounts"));
  fill_with(container.user, std::move(told.user));
  fill_with(container.hostname, std::move(told.hostname));
  fill_with(container.entrypoint, std::move(told.entrypoint));
  fill_with(container.healthcheck, std::move(told.healthcheck));
  fill_with(container.created_ns, told.created_ns);
  container.sandbox |= told.sandbox;
  fill_with(container.sandbox_id, std::move(told.sandbox_id));
  fill_with(container.pod_name, std::move(told.pod_name));
  fill_with(container.pod_namespace, std::move(told.pod_namespace));
  fill_with(container.pod_uid, std::move(told.pod_uid));
  if (container.pod_labels.empty()) container.pod_labels = std::move(told.pod_labels);
  container.known = true;
}

// Was it started by an id, or a part of one, rather than by a name?
bool names_id(std::string_view image, std::string_view image_id) {
  if (image.starts_with("sha256:")) image.remove_prefix(image.find(':') + 1);
  return is_hex(image, kImageIdSizeMin, kIdSizeMax) && image_id.starts_with(image);
}

// Of "repository@sha256:..." that of the container's repository, else the first.
std::string digest_of(Container& container, const Json& digests) {
  std::string first;
  if (!digests.IsArray()) return first;
  for (const Json& value : digests.GetArray()) {
    const std::string text = container::text_of(value, container.cut);
    const size_t at = text.find('@');
    if (at == std::string::npos) continue;
    if (text.substr(0, at) == container.image_repository) return text.substr(at + 1);
    if (first.empty()) first = text.substr(at + 1);
  }
  return first;
}

bool has_id(const Json& answer, std::string_view id) {
  const Json& told = member(answer, "Id");
  return told.IsString() && std::string_view(told.GetString(), told.GetStringLength()) == id;
}

}  // namespace

std::optional<std::string> read_docker_container(Container& container, std::string_view json) {
  rapidjson::Document answer;
  if (!container::parse_object(answer, json) || !has_id(answer, container.full_id)) return std::nullopt;
  Container told;  // the daemon's file has nearly the same names
  told.full_id = container.full_id;
  container::read_docker_config(told, json);
  const std::string image_id(image_id_of(told.image_id));
  const bool all = (container.missing & container::kMissingRecord) != 0;
  const auto wanted = [&](uint32_t bit) { return all || (container.missing & bit) != 0; };

  container.cut |= told.cut;
  if (wanted(container::kMissingName)) fill_with(container.name, std::move(told.name));
  if (wanted(container::kMissingImage) && container.image.empty() && !told.image.empty()) {
    if (names_id(told.image, image_id))
      container.image = told.image;  // the image's answer has its name
    else
      container::set_image(container, told.image);
  }
  if (wanted(container::kMissingDigest)) fill_with(container.image_id, image_id);
  if (wanted(container::kMissingLabels) && container.labels.empty()) container.labels = std::move(told.labels);
  if (wanted(container::kMissingIp)) {
    fill_with(container.ip, text_at(member(answer, "NetworkSettings"), "IPAddress", container.cut));
    fill_with(container.ip, std::move(told.ip));
  }
  if (all) {
    fill_record(container, std::move(told), answer);
    container.missing |= container::kMissingDigest;  // the image's answer has that
  }
  container.missing &= ~(kDockerTells & ~container::kMissingDigest);
  return image_id;
}

bool read_docker_image(Container& container, std::string_view image_id, std::string_view json) {
  rapidjson::Document answer;
  bool cut = false;
  if (!container::parse_object(answer, json) || image_id_of(text_at(answer, "Id", cut)) != image_id) return false;
  const Json& tags = member(answer, "RepoTags");
  if (names_id(container.image, image_id) && tags.IsArray() && !tags.Empty()) {
    std::string name = container::text_of(tags[0], container.cut);
    if (!name.empty()) container::set_image(container, std::move(name));
  }
  fill_with(container.image_digest, digest_of(container, member(answer, "RepoDigests")));
  container.missing &= ~container::kMissingDigest;
  return true;
}

Outcome ask_docker(const Dialogue& dialogue, const std::string& type, Container& container) {
  if (!is_hex(container.full_id, kIdSizeMin, kIdSizeMax)) return Outcome::kNotFound;
  http::Request request;
  request.url = "http://localhost/containers/" + container.full_id + "/json";
  auto response = dialogue.send(request);
  if (!response) return outcome_of(response.error());
  if (response->status == kNotFound) return Outcome::kNotFound;
  if (response->status != kOk) return Outcome::kFailed;
  const auto image_id = read_docker_container(container, response->body);
  if (!image_id) return Outcome::kFailed;
  if (container.type.empty()) container.type = type;
  if ((container.missing & container::kMissingDigest) == 0 && !names_id(container.image, *image_id))
    return Outcome::kAnswered;
  if (image_id->empty()) {
    container.missing &= ~container::kMissingDigest;
    return Outcome::kAnswered;
  }
  request.url = "http://localhost/images/sha256:" + *image_id + "/json";
  response = dialogue.send(request);
  if (!response) return outcome_of(response.error());
  if (response->status == kNotFound)
    return Outcome::kAnswered;  // removed meanwhile: the container is known all the same
  if (response->status != kOk || !read_docker_image(container, *image_id, response->body)) return Outcome::kFailed;
  return Outcome::kAnswered;
}

}  // namespace tiercel::runtime
