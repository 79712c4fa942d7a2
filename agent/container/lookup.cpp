#include "agent/container/lookup.h"

#include <algorithm>

#include "agent/container/id_map.h"

namespace tiercel::container {
namespace {

constexpr size_t kShortIdLength = 12;
constexpr size_t kRemapsMax = 8;

// dockerd with userns-remap keeps everything below <uid>.<gid>.
bool is_remap(const std::string& name) {
  const size_t dot = name.find('.');
  return dot != std::string::npos && dot > 0 && dot + 1 < name.size() &&
         name.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

Container container_of(const Claim& claim) {
  Container c;
  c.full_id = claim.full_id;
  c.id = is_long_id(claim.full_id) ? claim.full_id.substr(0, kShortIdLength) : claim.full_id;
  c.type = claim.type;
  c.pod_uid = claim.pod_uid;
  return c;
}

Places roots_places(const RecordRoots& roots, const HostFiles& files) {
  Places places;
  places.docker.push_back(roots.docker);
  for (const std::string& name : files.list(roots.docker, kFoldersMax))
    if (is_remap(name) && places.docker.size() <= kRemapsMax) places.docker.push_back(roots.docker + "/" + name);
  places.tasks = roots.tasks;
  places.lxd = roots.lxd;
  places.storage = roots.containers_storage;
  places.storage_run = roots.containers_run;
  places.lxc = roots.lxc;
  places.machines = roots.machines;
  return places;
}

Places users_places(uint32_t uid, const HostFiles& files) {
  Places places;
  places.owner = uid;
  const std::string number = std::to_string(uid);
  const std::string run = "/run/user/" + number;
  places.tasks = {run + "/docker/containerd/daemon/io.containerd.runtime.v2.task"};
  places.storage_run = run + "/containers";
  const auto passwd = files.read("/etc/passwd", UserNames::kFileSizeMax);
  const UserNames names(passwd ? *passwd : std::string(), {});
  const User* user = names.user(uid);
  if (!user) return places;
  const auto subuid = files.read("/etc/subuid", UserNames::kFileSizeMax);
  const auto subgid = files.read("/etc/subgid", UserNames::kFileSizeMax);
  places.uid_map = rootless_map(uid, user->name, number, subuid ? *subuid : std::string());
  places.gid_map = rootless_map(user->gid, user->name, number, subgid ? *subgid : std::string());
  if (!user->home.starts_with('/')) return places;
  places.docker = {user->home + "/.local/share/docker"};
  places.storage = user->home + "/.local/share/containers/storage";
  places.lxc = user->home + "/.local/share/lxc";
  return places;
}

std::optional<std::string> Lookup::read(const std::string& path, size_t size_bytes_max) const {
  auto text = files_.read(path, size_bytes_max, places_.owner);
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

Verdict Lookup::verdict_of(bool names_it, const std::vector<std::string>& files) const {
  if (!names_it) return Verdict::kOther;
  const bool roots = !places_.owner && std::all_of(files.begin(), files.end(),
                                                   [this](const std::string& file) { return files_.is_roots(file); });
  return roots ? Verdict::kRoots : Verdict::kUsers;
}

void Lookup::map_ids(Container& c) const {
  if (!places_.owner) return;
  c.uid_map = c.uid_map.empty() ? places_.uid_map : composed(c.uid_map, places_.uid_map);
  c.gid_map = c.gid_map.empty() ? places_.gid_map : composed(c.gid_map, places_.gid_map);
}

Look Lookup::look(const Claim& claim) const {
  using Kind = Look (Lookup::*)(const Claim&) const;
  struct Way {
    std::string_view type;
    Kind kind;
  };
  // A name that does not tell the runtime may be any OCI one's.
  constexpr Way kWays[] = {
      {"docker", &Lookup::docker},      {"containerd", &Lookup::tasks}, {"cri-o", &Lookup::storage},
      {"podman", &Lookup::storage},     {"lxc", &Lookup::lxc},          {"systemd-nspawn", &Lookup::machine},
      {"libvirt-lxc", &Lookup::machine}};
  Look best;
  for (const Way& way : kWays) {
    const bool any_oci =
        claim.type.empty() && (way.type == "docker" || way.type == "containerd" || way.type == "podman");
    if (claim.type != way.type && !any_oci) continue;
    Look one = (this->*way.kind)(claim);
    if (one.verdict > best.verdict) best = std::move(one);
  }
  return best;
}

}  // namespace tiercel::container
