// LossTable: the kernel's table of what each cgroup lost, by event type (lost_by_cgroup of bpf/include/maps.h). The map
// stays the source's. Any thread.
#pragma once

#include <vector>

#include "agent/base/result.h"
#include "agent/sensor/source.h"

namespace tiercel::sensor {

// Rows for the cgroups that will find no place of their own, so that no loss goes uncounted when the table is full.
[[nodiscard]] Result<> prepare_loss_rows(int map);

[[nodiscard]] std::vector<CgroupLoss> read_cgroup_losses(int map);

}  // namespace tiercel::sensor
