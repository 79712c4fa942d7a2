#include "agent/container/docker_host.h"
#include "agent/container/lookup.h"

namespace tiercel::container {
namespace {

// dockerd makes these for every container: they tell where it keeps its data, if that is not the usual place.
std::string folder_by_mounts(const Container& c) {
  const std::string part = "/containers/" + c.full_id + "/";
  for (const Mount& mount : c.mounts) {
    const size_t at = mount.source.rfind(part);
    if (at == std::string::npos || at == 0) continue;
    const std::string file = mount.source.substr(at + part.size());
    if (file == "hostname" || file == "hosts" || file == "resolv.conf") return mount.source.substr(0, at);
  }
  return {};
}

bool has_address(const Container& c, const std::string& network_mode) {
  return !c.host_network.value_or(false) && network_mode != "none" && !network_mode.starts_with("container:");
}

}  // namespace

bool Lookup::docker_bundle(Container& c, std::string& path, std::string& cgroups_path) const {
  for (const std::string& root : places_.tasks) {
    path = root + "/moby/" + c.full_id;
    const auto text = read(path + "/config.json", kRecordSizeMax);
    if (text && read_oci_bundle(c, *text, path, cgroups_path)) return true;
  }
  path.clear();
  return false;
}

// repositories.json of whatever storage driver knows the image: its id is that of the content.
void Lookup::docker_images(Container& c, const std::string& folder) const {
  bool read_one = false;
  for (const std::string& driver : files_.list(folder + "/image", kFoldersMax)) {
    const auto text = read(folder + "/image/" + driver + "/repositories.json", kListSizeMax);
    if (!text) continue;
    read_one |= read_docker_repositories(c, *text);
    if (!c.image_digest.empty()) break;
  }
  if (!read_one) c.missing |= kMissingDigest;
  if (c.image_repository.empty()) c.missing |= kMissingImage;
}

void Lookup::docker_pod(Container& c, const std::string& folder) const {
  if (c.sandbox || !is_long_id(c.sandbox_id)) return;
  const auto text = read(folder + "/containers/" + c.sandbox_id + "/config.v2.json", kRecordSizeMax);
  Container sandbox;
  sandbox.full_id = c.sandbox_id;
  if (!text || !read_docker_config(sandbox, *text)) return;
  c.pod_labels = std::move(sandbox.pod_labels);
  c.pod_ip = std::move(sandbox.ip);
}

Look Lookup::docker(const Claim& claim) const {
  if (!is_long_id(claim.full_id)) return {};
  Look look{Verdict::kNone, container_of(claim)};
  Container& c = look.container;
  c.type = "docker";
  std::string bundle, cgroups_path;
  std::vector<std::string> records;
  const bool has_bundle = docker_bundle(c, bundle, cgroups_path);
  if (has_bundle) records.push_back(bundle + "/config.json");

  std::vector<std::string> folders = places_.docker;
  if (std::string other = folder_by_mounts(c); !other.empty()) folders.push_back(std::move(other));
  DockerHost host;
  bool configured = false;
  for (const std::string& folder : folders) {
    const std::string path = folder + "/containers/" + c.full_id;
    const auto config = read(path + "/config.v2.json", kRecordSizeMax);
    if (!config || !read_docker_config(c, *config)) continue;
    configured = true;
    records.push_back(path + "/config.v2.json");
    if (const auto text = read(path + "/hostconfig.json", kRecordSizeMax)) {
      if (read_docker_hostconfig(c, *text)) records.push_back(path + "/hostconfig.json");
      host = docker_host_of(*text);
    }
    docker_images(c, folder);
    docker_pod(c, folder);
    break;
  }
  if (records.empty()) return {};
  if (!configured) c.missing |= kMissingName | kMissingImage | kMissingDigest | kMissingLabels;
  if (c.ip.empty() && has_address(c, host.network_mode)) c.missing |= kMissingIp;
  map_ids(c);
  look.verdict = verdict_of(has_bundle ? names_cgroup(cgroups_path, claim.path, claim.full_id, places_.owner)
                                       : is_docker_cgroup(host.cgroup_parent, claim.path, claim.full_id, places_.owner),
                            records);
  return look;
}

}  // namespace tiercel::container
