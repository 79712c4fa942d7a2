// Manual pages in roff: tiercel(8) from the command line, tiercel.yaml(5) from the keys. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/config_pages.h"
#include "agent/cli/program_tree.h"

namespace tiercel::cli {

[[nodiscard]] std::string man_program(const Command& program, const std::string& version);
[[nodiscard]] std::string man_configuration(const std::vector<config::KeyInfo>& keys, const Sections& sections,
                                            const std::string& version);

}  // namespace tiercel::cli
