#include "agent/response_options.h"

#include <fmt/core.h>

#include "agent/cli/commands.h"

namespace tiercel {

response::ResponderOptions response_options(const config::Config& config) {
  response::ResponderOptions options;
  options.home = config.active_response.home;
  options.state_dir = config.state_dir;
  options.log = config.active_response.log;
  options.timeout_s = config.active_response.timeout_s;
  options.repeated_offenders = config.active_response.repeated_offenders;
  options.allow = config.active_response.allow;
  std::string managers = fmt::format("{}=", cli::kManagersVariable);
  for (const config::WazuhManager& manager : config.wazuh.managers) managers += manager.host + ",";
  options.environment = {managers, fmt::format("{}={}", cli::kDockerRootVariable, config.containers.docker_root),
                         fmt::format("{}={}", cli::kStorageRootVariable, config.containers.storage_root)};
  return options;
}

}  // namespace tiercel
