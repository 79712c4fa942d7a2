// What dockerd keeps of a container: containers/<id>/config.v2.json and hostconfig.json; of images:
// image/<driver>/repositories.json. Source: moby daemon/container, daemon/images.
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>

#include "agent/container/claim.h"
#include "agent/container/docker_host.h"
#include "agent/container/json_text.h"
#include "agent/container/oci_annotations.h"
#include "agent/container/record.h"

namespace tiercel::container {
namespace {

constexpr size_t kShortIdMin = 4;

void read_mount_points(Container& c, const Json& points) {
  if (!points.IsObject()) return;
  c.mounts.clear();
  for (const auto& [dest, point] : points.GetObject()) {
    if (!point.IsObject()) continue;
    if (c.mounts.size() == kMountsMax) {
      c.cut = true;
      return;
    }
    Mount mount;
    mount.source = text_at(point, "Source", c.cut);
    mount.dest = text_at(point, "Destination", c.cut);
    if (mount.dest.empty()) mount.dest = text_of(dest, c.cut);
    mount.mode = text_at(point, "Relabel", c.cut);
    mount.rdwr = bool_of(member(point, "RW")).value_or(true);
    mount.propagation = text_at(point, "Propagation", c.cut);
    c.mounts.push_back(std::move(mount));
  }
}

void read_address(Container& c, const Json& networks) {
  if (!networks.IsObject()) return;
  for (const auto& [name, network] : networks.GetObject()) {
    c.ip = text_at(network, "IPAddress", c.cut);
    if (!c.ip.empty()) return;
  }
}

// CMD and CMD-SHELL are not words of the command, NONE means none.
void read_healthcheck(Container& c, const Json& test) {
  c.healthcheck = words_of(test, c.cut);
  if (c.healthcheck.empty()) return;
  if (c.healthcheck.front() == "NONE") {
    c.healthcheck.clear();
  } else {
    c.healthcheck.erase(c.healthcheck.begin());
  }
}

// Kubernetes by way of cri-dockerd: all is in labels.
void read_pod_labels(Container& c) {
  const std::string* type = find_label(c.labels, "io.kubernetes.docker.type");
  if (!type) return;
  read_kubernetes_labels(c, c.labels);
  c.sandbox = *type == "podsandbox";
  if (c.sandbox) {
    c.sandbox_id = c.full_id;
    c.pod_labels = c.labels;
    // The pod's annotations stand among them.
    std::erase_if(c.pod_labels, [](const auto& label) { return label.first.starts_with("annotation."); });
    if (!c.pod_name.empty()) c.name = c.pod_name;
  } else if (const std::string* id = find_label(c.labels, "io.kubernetes.sandbox.id")) {
    c.sandbox_id = *id;
  }
}

bool is_id_of(std::string_view text, std::string_view image_id) {
  return text.size() >= kShortIdMin && image_id.starts_with(text);
}

// Docker writes names of its own registry short.
std::string_view familiar(std::string_view repository) {
  for (std::string_view prefix : {"docker.io/library/", "docker.io/"})
    if (repository.starts_with(prefix)) return repository.substr(prefix.size());
  return repository;
}

// {"Repositories": {"app": {"app:1": "sha256:id", "app@sha256:digest": "sha256:id"}}}
class Repositories : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Repositories> {
 public:
  explicit Repositories(Container& container) : c_(container) {}

  bool Default() { return depth_ > 0; }
  bool StartObject() { return ++depth_ <= kDepthMax; }
  bool StartArray() { return depth_ > 0 && ++depth_ <= kDepthMax; }
  bool EndObject(rapidjson::SizeType /*members*/) { return --depth_, true; }
  bool EndArray(rapidjson::SizeType /*elements*/) { return --depth_, true; }
  bool Key(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    if (depth_ == 1) within_ = std::string_view(text, size) == "Repositories";
    if (depth_ == kReferenceDepth) reference_.assign(text, std::min<size_t>(size, kTextSizeMax));
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    std::string_view id(text, size);
    if (id.starts_with("sha256:")) id.remove_prefix(7);
    if (within_ && depth_ == kReferenceDepth && id == c_.image_id) take(reference_);
    return depth_ > 0;
  }
  void finish() {
    if (c_.image_digest.empty() && !own_digest_.empty()) c_.image_digest = own_digest_;
    if (c_.image_digest.empty()) c_.image_digest = any_digest_;
  }

 private:
  static constexpr int kDepthMax = 64;
  static constexpr int kReferenceDepth = 3;

  void take(const std::string& reference) {
    const size_t at = reference.find('@');
    if (at == std::string::npos) {
      if (c_.image_repository.empty()) set_image(c_, bounded_text(reference, c_.cut));
      return;
    }
    std::string digest = bounded_text(std::string_view(reference).substr(at + 1), c_.cut);
    if (familiar(c_.image_repository) == std::string_view(reference).substr(0, at)) own_digest_ = digest;
    if (any_digest_.empty()) any_digest_ = std::move(digest);
  }

  Container& c_;
  std::string reference_, own_digest_, any_digest_;
  int depth_ = 0;
  bool within_ = false;
};

}  // namespace

bool read_docker_config(Container& c, std::string_view config_v2_json) {
  rapidjson::Document config;
  if (!parse_object(config, config_v2_json)) return false;
  const Json& asked = member(config, "Config");
  std::string name = text_at(config, "Name", c.cut);
  if (name.starts_with('/')) name.erase(0, 1);
  if (name.empty() && !asked.IsObject()) return false;
  c.type = "docker";
  c.name = std::move(name);
  c.image_id = text_at(config, "Image", c.cut);
  if (c.image_id.starts_with("sha256:")) c.image_id.erase(0, 7);
  std::string image = text_at(asked, "Image", c.cut);
  if (is_id_of(image, c.image_id)) {
    c.image = std::move(image);
  } else if (!image.empty()) {
    set_image(c, std::move(image));
  }
  c.labels = labels_of(member(asked, "Labels"), c.cut);
  if (std::string user = text_at(asked, "User", c.cut); !user.empty()) c.user = std::move(user);
  if (std::string host = text_at(asked, "Hostname", c.cut); !host.empty()) c.hostname = std::move(host);
  c.entrypoint = words_of(member(config, "Args"), c.cut);
  if (std::string path = text_at(config, "Path", c.cut); !path.empty()) {
    c.entrypoint.insert(c.entrypoint.begin(), std::move(path));
    if (c.entrypoint.size() > kWordsMax) c.entrypoint.pop_back();
  }
  read_healthcheck(c, member(member(asked, "Healthcheck"), "Test"));
  if (uint64_t ns = time_ns_of(text_at(config, "Created", c.cut))) c.created_ns = ns;
  read_address(c, member(member(config, "NetworkSettings"), "Networks"));
  read_mount_points(c, member(config, "MountPoints"));
  read_pod_labels(c);
  return true;
}

bool read_docker_hostconfig(Container& c, std::string_view hostconfig_json) {
  rapidjson::Document config;
  if (!parse_object(config, hostconfig_json)) return false;
  if (auto privileged = bool_of(member(config, "Privileged"))) c.privileged = privileged;
  auto take = [&](std::optional<bool>& to, const char* key) {
    if (member(config, key).IsString()) to = text_at(config, key, c.cut) == "host";
  };
  take(c.host_pid, "PidMode");
  take(c.host_network, "NetworkMode");
  take(c.host_ipc, "IpcMode");
  return true;
}

DockerHost docker_host_of(std::string_view hostconfig_json) {
  rapidjson::Document config;
  DockerHost host;
  bool cut = false;
  if (!parse_object(config, hostconfig_json)) return host;
  host.cgroup_parent = text_at(config, "CgroupParent", cut);
  host.network_mode = text_at(config, "NetworkMode", cut);
  return host;
}

bool is_docker_cgroup(const std::string& cgroup_parent, const std::string& cgroup, const std::string& full_id,
                      std::optional<uint32_t> owner) {
  const std::string fs_parent = cgroup_parent.empty() ? "/docker" : "/" + cgroup_parent;
  if (names_cgroup(fs_parent + "/" + full_id, cgroup, full_id, owner)) return true;
  return names_cgroup(cgroup_parent + ":docker:" + full_id, cgroup, full_id, owner);
}

bool read_docker_repositories(Container& c, std::string_view repositories_json) {
  if (c.image_id.empty()) return false;
  rapidjson::MemoryStream stream(repositories_json.data(), repositories_json.size());
  rapidjson::Reader reader;
  Repositories handler(c);
  const bool whole = !reader.Parse<rapidjson::kParseIterativeFlag>(stream, handler).IsError();
  handler.finish();
  return whole;
}

}  // namespace tiercel::container
