// falco.yaml -> Settings: Falco's configuration in the agent's own words. Every key of Falco's is known (keys.def);
// what is ignored and would have made a difference is a warning, what Falco refuses is an error, unknown keys are
// warnings, each with its position. As in Falco, what a variable of the environment left empty is not given. Reads the
// disk; any thread; yaml-cpp stays in agent/config.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/config/config.h"
#include "agent/config/load.h"

namespace tiercel::falco {

struct Request {
  std::string path;                  // empty: no file, Falco's defaults and standard output
  std::vector<std::string> options;  // of -o, in order
};

struct Settings {
  config::Config config;           // no Wazuh manager, no sensor settings: those are tiercel.yaml's
  std::string replay_from;         // engine.kind replay
  std::vector<std::string> files;  // what was read
  std::vector<std::string> unfed;  // outputs that are enabled and not supported
};

// Nothing when there was at least one error.
[[nodiscard]] std::optional<Settings> load(const Request& request, Diagnostics& diagnostics,
                                           const config::Environment& environment = config::process_environment());

}  // namespace tiercel::falco
