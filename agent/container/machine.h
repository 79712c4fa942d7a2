// Where an LXC container's cgroup is, by its configuration. Pure, any thread. Only for sources of this folder.
// Source: lxc.container.conf(5), lxc.cgroup.dir.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tiercel::container {

std::vector<std::string> lxc_cgroups(std::string_view config, const std::string& name);

}  // namespace tiercel::container
