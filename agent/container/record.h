// Record: finds and reads what a runtime wrote about a container before its first process started, and joins it to the
// cgroup that the process is in. Blocks as long as the storage does: for reader threads (lanes.h). Thread safe.
// Sources of the layouts: containerd core/runtime/v2 (io.containerd.runtime.v2.task/<namespace>/<id>), moby
// daemon (containers/<id>/config.v2.json, hostconfig.json, image/<driver>/repositories.json), containers/storage
// (<driver>-containers/containers.json, <driver>-images/images.json), CRI annotations of containerd and CRI-O,
// lxc.container.conf(5), systemd-machined (/run/systemd/machines), OCI runtime-spec.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/container/claim.h"
#include "agent/container/container.h"
#include "agent/container/host_files.h"
#include "agent/container/user_names.h"

namespace tiercel::container {

// What the cgroup's name tells.
Container container_of(const Claim& claim);

struct RecordRoots {
  std::string docker = "/var/lib/docker";
  std::string containers_storage = "/var/lib/containers/storage";
  std::string containers_run = "/run/containers/storage";
  std::string lxc = "/var/lib/lxc";                // <name>/config
  std::string machines = "/run/systemd/machines";  // <name>, of systemd-machined
  // <name>/lxc.conf, as LXD and Incus write them for liblxc.
  std::vector<std::string> lxd{"/var/snap/lxd/common/lxd/logs", "/var/log/lxd", "/run/lxd", "/var/log/incus",
                               "/run/incus"};
  // Where containerds keep their bundles: below these are <namespace>/<id>.
  std::vector<std::string> tasks{
      "/run/containerd/io.containerd.runtime.v2.task", "/run/docker/containerd/daemon/io.containerd.runtime.v2.task",
      "/run/k3s/containerd/io.containerd.runtime.v2.task", "/run/k0s/containerd/io.containerd.runtime.v2.task",
      "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task"};
};

class RecordReader {
 public:
  RecordReader(RecordRoots roots, HostFiles files) : roots_(std::move(roots)), files_(std::move(files)) {}

  // Of the claims (innermost first) the first for which root's record names that cgroup; else the first for which the
  // record of the user does below whose session it is; else the innermost one that is sure, not verified; else nothing:
  // the host. `cgroup` of the answer is the claim's path: every cgroup below belongs to it. Where a record was found
  // that names another cgroup, only kMissingRecord is missing: a socket's answer would be about that other one.
  struct Found {
    Container container;
    std::string cgroup;
  };
  [[nodiscard]] std::optional<Found> find(const std::vector<Claim>& claims) const;

  // The container's own users: /etc/passwd and /etc/group below its root, or what is mounted over them. Empty if they
  // cannot be read.
  [[nodiscard]] std::shared_ptr<const UserNames> users_of(const Container& container) const;
  // Changes when one of the two files does.
  [[nodiscard]] std::string users_stamp(const Container& container) const;

 private:
  RecordRoots roots_;
  HostFiles files_;
};

// Pure readers of hostile text, for RecordReader and for fuzzers. They fill what they find and leave the rest; false if
// the text is no such record. None keeps more than container.h's limits.
bool read_oci_bundle(Container& container, std::string_view config_json, const std::string& bundle_path,
                     std::string& cgroups_path);
bool read_docker_config(Container& container, std::string_view config_v2_json);
bool read_docker_hostconfig(Container& container, std::string_view hostconfig_json);
bool read_docker_repositories(Container& container, std::string_view repositories_json);
bool read_storage_containers(Container& container, std::string_view containers_json);
bool read_storage_images(Container& container, std::string_view images_json);
bool read_machine(Container& container, std::string_view machine_file, std::string& unit);
bool read_lxc_config(Container& container, std::string_view config);

}  // namespace tiercel::container
