// The table of tiercel.yaml's keys. Inner to agent/config.
#pragma once

#include "agent/config/config.h"
#include "agent/config/reading.h"

namespace tiercel::config {

void read_config(Reading& reading, const TreeNode& root, Config& config);

}  // namespace tiercel::config
