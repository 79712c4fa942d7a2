// Bundles of containerd, and of Podman and CRI-O in containers/storage.
#include <algorithm>

#include "agent/container/lookup.h"
#include "agent/container/oci_annotations.h"

namespace tiercel::container {

Look Lookup::task(const Claim& claim, const std::string& root, const std::string& name_space) const {
  const std::string bundle = root + "/" + name_space + "/" + claim.full_id;
  const auto text = read(bundle + "/config.json", kRecordSizeMax);
  Look look{Verdict::kNone, container_of(claim)};
  Container& c = look.container;
  std::string cgroups_path;
  if (!text || !read_oci_bundle(c, *text, bundle, cgroups_path)) return {};
  if (c.type.empty()) c.type = "containerd";
  c.socket_namespace = name_space;
  // `ctr run` knows no other name.
  if (c.name.empty() && !is_long_id(c.full_id)) c.name = c.full_id;
  if (c.hostname.empty() && is_long_id(c.sandbox_id)) {
    Container sandbox;
    std::string unused;
    const std::string path = root + "/" + name_space + "/" + c.sandbox_id;
    const auto pod = read(path + "/config.json", kRecordSizeMax);
    if (pod && read_oci_bundle(sandbox, *pod, path, unused)) c.hostname = std::move(sandbox.hostname);
  }
  c.missing = missing_of_containerd(c);
  map_ids(c);
  look.verdict =
      verdict_of(names_cgroup(cgroups_path, claim.path, claim.full_id, places_.owner), {bundle + "/config.json"});
  return look;
}

Look Lookup::tasks(const Claim& claim) const {
  Look best;
  for (const std::string& root : places_.tasks) {
    std::vector<std::string> names;
    if (claim.sure) {
      names = files_.list(root, kFoldersMax);
      std::erase(names, "moby");  // those are Docker's
    } else {
      names.push_back(claim.parent);
    }
    for (const std::string& name : names) {
      Look one = task(claim, root, name);
      if (one.verdict > best.verdict) best = std::move(one);
    }
  }
  return best;
}

// The sandbox's bundle has the pod's labels and addresses.
void Lookup::crio_pod(Container& c, const std::string& driver) const {
  if (c.sandbox || !is_long_id(c.sandbox_id)) return;
  for (const std::string& root : {places_.storage, places_.storage_run}) {
    const auto text = read(root + "/" + driver + "/" + c.sandbox_id + "/userdata/config.json", kRecordSizeMax);
    Container pod;
    pod.type = c.type;
    std::string unused;
    if (!text || !read_oci_bundle(pod, *text, {}, unused) || !pod.sandbox) continue;
    c.pod_labels = std::move(pod.pod_labels);
    c.pod_cni_json = std::move(pod.pod_cni_json);
    if (c.pod_ip.empty()) c.pod_ip = std::move(pod.pod_ip);
    if (c.ip.empty()) c.ip = c.pod_ip;
    if (c.pod_name.empty()) c.pod_name = std::move(pod.pod_name);
    if (c.pod_namespace.empty()) c.pod_namespace = std::move(pod.pod_namespace);
    if (!pod.pod_uid.empty()) c.pod_uid = std::move(pod.pod_uid);
    if (c.hostname.empty()) c.hostname = std::move(pod.hostname);
    return;
  }
}

Look Lookup::stored(const Claim& claim, const std::string& driver) const {
  Look look{Verdict::kNone, container_of(claim)};
  Container& c = look.container;
  std::string record, cgroups_path;
  for (const std::string& root : {places_.storage, places_.storage_run}) {
    const std::string bundle = root + "/" + driver + "/" + claim.full_id + "/userdata";
    const auto text = root.empty() ? std::nullopt : read(bundle + "/config.json", kRecordSizeMax);
    if (!text || !read_oci_bundle(c, *text, bundle, cgroups_path)) continue;
    record = bundle + "/config.json";
    break;
  }
  if (record.empty()) return {};
  look.verdict = verdict_of(names_cgroup(cgroups_path, claim.path, claim.full_id, places_.owner), {record});
  if (look.verdict == Verdict::kOther) return look;
  if (c.type.empty()) c.type = "podman";
  for (const std::string& root : {places_.storage, places_.storage_run}) {
    for (const char* file : {"/containers.json", "/volatile-containers.json"}) {
      const auto text = root.empty() ? std::nullopt : read(root + "/" + driver + file, kListSizeMax);
      if (text && read_storage_containers(c, *text)) break;
    }
  }
  if (c.type == "cri-o") crio_pod(c, driver);
  const std::string images = driver.substr(0, driver.rfind('-')) + "-images/images.json";
  if (const auto text = read(places_.storage + "/" + images, kListSizeMax)) read_storage_images(c, *text);
  c.missing = c.type == "cri-o" ? missing_of_crio(c) : missing_of_podman(c);
  map_ids(c);
  return look;
}

Look Lookup::storage(const Claim& claim) const {
  if (!is_long_id(claim.full_id)) return {};
  std::vector<std::string> drivers;
  for (const std::string& root : {places_.storage, places_.storage_run})
    if (!root.empty())
      for (std::string& name : files_.list(root, kFoldersMax))
        if (name.ends_with("-containers")) drivers.push_back(std::move(name));
  std::sort(drivers.begin(), drivers.end());
  drivers.erase(std::unique(drivers.begin(), drivers.end()), drivers.end());
  Look best;
  for (const std::string& driver : drivers) {
    Look one = stored(claim, driver);
    if (one.verdict > best.verdict) best = std::move(one);
  }
  return best;
}

}  // namespace tiercel::container
