// What of hostconfig.json is about the host, and the places where dockerd puts a container's cgroup by it
// (daemon/oci_linux.go: with cgroupfs <parent>/<id>, with systemd <slice>:docker:<id>). Pure functions, any thread.
// Only for sources of this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tiercel::container {

struct DockerHost {
  std::string cgroup_parent, network_mode;
};

DockerHost docker_host_of(std::string_view hostconfig_json);
bool is_docker_cgroup(const std::string& cgroup_parent, const std::string& cgroup, const std::string& full_id,
                      std::optional<uint32_t> owner);

}  // namespace tiercel::container
