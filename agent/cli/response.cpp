// tiercel response NAME | install
#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>

#include "agent/cli/commands.h"
#include "agent/config/load.h"
#include "agent/response/script.h"
#include "agent/sensor/start_time.h"

namespace tiercel::cli {
namespace {

constexpr const char* kDefaultConfig = "/etc/tiercel/tiercel.yaml";

// The agent says what it runs with; for others it is the installed configuration.
response::ScriptOptions options_of_host() {
  response::ScriptOptions options;
  config::Config config;
  Diagnostics ignored;  // `tiercel run` shows them
  if (::access(kDefaultConfig, R_OK) == 0)
    if (auto read = config::load(kDefaultConfig, ignored)) config = std::move(*read);
  options.docker_root = config.containers.docker_root;
  options.storage_root = config.containers.storage_root;
  if (const char* given = std::getenv(kDockerRootVariable)) options.docker_root = given;
  if (const char* given = std::getenv(kStorageRootVariable)) options.storage_root = given;
  const char* given = std::getenv(kManagersVariable);
  if (given == nullptr) {
    for (const config::WazuhManager& manager : config.wazuh.managers) options.managers.push_back(manager.host);
    return options;
  }
  std::istringstream words(given);
  for (std::string host; std::getline(words, host, ',');)
    if (!host.empty()) options.managers.push_back(host);
  return options;
}

Result<uint64_t> start_time_of(int32_t pid) {
  static std::shared_ptr<sensor::StartTimes> times;
  if (!times) {
    auto opened = sensor::StartTimes::open();
    if (!opened) return tl::unexpected(opened.error());
    times = std::move(*opened);
  }
  return times->of(pid);
}

}  // namespace

int response(const std::string& name) {
  response::ScriptOptions options = options_of_host();
  options.start_time_of = start_time_of;
  return response::run_shipped(name, options);
}

int response_install(const std::string& home, const std::string& stock_agent) {
  response::Install install;
  install.home = home.empty() ? config::Config{}.active_response.home : home;
  if (!stock_agent.empty()) {
    install.home = stock_agent;
    install.stock_agent = true;
  }
  std::error_code error;
  install.program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (error) return report({"cannot tell where tiercel is: " + error.message(), Fault::kHost});
  const auto lines = response::install_scripts(install);
  if (!lines) return report(lines.error());
  for (const std::string& line : *lines) fmt::print("{}\n", line);
  return 0;
}

}  // namespace tiercel::cli
