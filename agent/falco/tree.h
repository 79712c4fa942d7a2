// The files of a Falco configuration put together: the main file, then its config_files by their strategies. Reads the
// disk; any thread.
#pragma once

#include <string>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/config/load.h"
#include "agent/config/node.h"

namespace tiercel::falco {

enum class Strategy { kAppend, kOverride, kAddOnly };

// Joins the top-level keys of `more` to those of `root`. append: lists grow, everything else is replaced; override:
// everything is replaced; add-only: only keys that are not there yet.
void merge(config::TreeNode& root, const config::TreeNode& more, Strategy strategy);

// False: the main file cannot be read or is no YAML. `files` is what was read, in order.
[[nodiscard]] bool read_files(const std::string& path, Diagnostics& diagnostics, const config::Environment& environment,
                              config::TreeNode& root, std::vector<std::string>& files);

}  // namespace tiercel::falco
