// Claim: what a cgroup's path says of itself. Anybody who may make cgroups can say anything: record.h joins it to what
// the runtime wrote. Pure functions, any thread. Layouts: systemd's and the cgroupfs driver of runc/crun
// (libcontainer/cgroups), kubelet's pod slices (pkg/kubelet/cm/cgroup_manager_linux.go), LXC 4 (lxc.payload.NAME),
// systemd-nspawn (machine.slice).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::container {

struct Claim {
  std::string type;  // Container::type as far as the name tells; "" if any OCI runtime may be behind it
  std::string full_id;
  std::string path;     // of the container's own cgroup: the given one or one above it
  std::string unit;     // systemd's name of it ("docker-<id>.scope"), "" if none
  std::string parent;   // the component above: containerd's namespace, Docker's "docker", a pod
  std::string pod_uid;  // of a pod's slice, with dashes
  bool sure = false;    // the name alone is a container's (64 hex digits, lxc.payload...), not just any folder's
  std::optional<uint32_t> owner;  // whose session it is below (user-1000.slice); root's otherwise
};

// Innermost first; empty for the host's. Not the monitors beside containers (libpod-conmon-, crio-conmon-,
// lxc.monitor). Components that may be a containerd container (`ctr run` takes any name) are claims that are not sure.
std::vector<Claim> claims_of(std::string_view cgroup_path);

// Does an OCI bundle's linux.cgroupsPath ("/docker/<id>", "system.slice:docker:<id>", relative or empty) mean this
// cgroup? `full_id` is the container's, for an empty cgroupsPath. `owner`: the user whose own runtime wrote the bundle;
// systemd puts that one's slices below user@UID.service. Root's are never there: users may make any cgroup in it.
bool names_cgroup(std::string_view cgroups_path, std::string_view cgroup, std::string_view full_id,
                  std::optional<uint32_t> owner = std::nullopt);

// "a-b.slice" -> "/a.slice/a-b.slice", "-.slice" -> ""; nothing if it is no slice's name.
std::optional<std::string> expanded_slice(std::string_view slice);
// A unit's name with \x2d and the like undone.
std::string unescaped_unit(std::string_view text);
// Exactly 64 hexadecimal digits.
bool is_long_id(std::string_view text);

}  // namespace tiercel::container
