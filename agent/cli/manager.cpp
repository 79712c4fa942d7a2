// tiercel dev-manager
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "agent/cli/alert_line.h"
#include "agent/cli/arguments.h"
#include "agent/cli/commands.h"
#include "agent/cli/text.h"
#include "siem/wazuh/message.h"

namespace tiercel::cli {

int dev_manager(const DevManagerArgs& args) {
  auto password = first_line(args.password_file);
  if (!password) return report(password.error());
  wazuh::DevManagerOptions options;
  std::string temporary;
  if (args.dir.empty()) {
    temporary = (std::filesystem::temp_directory_path() / "tiercel-manager-XXXXXX").string();
    if (!::mkdtemp(temporary.data())) return report({"cannot make a temporary folder", Fault::kHost});
  }
  options.dir = args.dir.empty() ? temporary : args.dir;
  options.port = static_cast<uint16_t>(args.port);
  options.enrol_port = static_cast<uint16_t>(args.enrol_port);
  options.password = *password;
  options.shared_folder = args.shared_folder;
  options.workers = static_cast<int>(args.workers);
  options.queue_frames_max = args.queue;
  options.tcp = args.protocol != "udp";
  options.udp = args.protocol != "tcp";
  if (!wazuh::valid_version(args.version)) return report({"--version must be like v4.14.0", Fault::kUser});
  options.version = args.version;
  options.groups = comma_separated(args.groups);
  if (args.tls != "any")
    options.tls = args.tls == "1.2" ? wazuh::DevManagerOptions::Tls::k12 : wazuh::DevManagerOptions::Tls::k13;
  options.client_ca_file = args.client_ca;
  options.key_update_ms = static_cast<int>(args.key_update_ms);
  options.stall_ms_max = static_cast<int>(args.stall_ms);
  options.frames_max_per_s = args.frames_per_s;
  options.udp_loss_percent = static_cast<int>(args.udp_loss);
  if (args.unfriendly) {
    options.stall_ms_max = std::max(options.stall_ms_max, 200);
    options.stall_percent = 2;
    options.split_frames = true;
  }
  options.on_log = [](std::string_view line) {
    std::fprintf(stderr, "dev-manager: %.*s\n", static_cast<int>(line.size()), line.data());
  };
  const bool colour = colour_wanted(STDOUT_FILENO);
  const int status = wazuh::run_dev_manager(std::move(options), args.json, [colour](const wazuh::DevEvent& event) {
    return alert_line(event, colour, terminal_width());
  });
  std::error_code ignored;
  if (!temporary.empty()) std::filesystem::remove_all(temporary, ignored);
  return status;
}

}  // namespace tiercel::cli
