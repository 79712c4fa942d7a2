// The cgroup freezer of a container: v1 freezer.state, v2 cgroup.freeze. Frozen processes cannot go on by themselves,
// whatever signals they get. Any thread; blocks no longer than a write into a cgroup's file does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/response/members.h"

namespace tiercel::response {

// Where a cgroup hierarchy is mounted, from its root; "": nowhere. controller "": v2.
[[nodiscard]] std::string cgroup_mount(const std::string& controller);

// The files that freeze the container which these processes are of.
[[nodiscard]] std::vector<std::string> freezer_files(Membership& membership, const std::vector<int32_t>& members);
[[nodiscard]] Result<> set_frozen(const std::string& file, bool frozen);
void thaw_cgroups(Membership& membership, const std::vector<int32_t>& members);

}  // namespace tiercel::response
