// tiercel dev-manager | enroll
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "agent/base/fd.h"
#include "agent/cli/alert_line.h"
#include "agent/cli/commands.h"
#include "agent/config/config.h"
#include "siem/wazuh/enroll.h"
#include "siem/wazuh/keys.h"
#include "siem/wazuh/message.h"

namespace tiercel::cli {
namespace {

constexpr size_t kPasswordFileMax = 4096;
constexpr int kEnrolTimeoutMs = 20'000;

Result<std::string> first_line(const std::string& path) {
  if (path.empty()) return std::string();
  auto text = read_file(path, kPasswordFileMax);
  if (!text) return fail("password file: " + text.error().message, Fault::kUser);
  return text->substr(0, text->find_first_of("\r\n"));
}

std::vector<std::string> comma_separated(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace

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
  const int status = wazuh::run_dev_manager(
      std::move(options), args.json, [colour](const wazuh::DevEvent& event) { return alert_line(event, colour); });
  std::error_code ignored;
  if (!temporary.empty()) std::filesystem::remove_all(temporary, ignored);
  return status;
}

int enroll(const EnrollArgs& args) {
  auto password = first_line(args.password_file);
  if (!password) return report(password.error());
  const std::string keys_file = args.keys_file.empty() ? config::Config{}.wazuh_keys_file() : args.keys_file;
  wazuh::EnrolRequest request;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  request.agent_name = args.name.empty() ? wazuh::agent_name_of_host(host.data()) : args.name;
  request.version = wazuh::kReportedVersion;
  request.password = *password;
  request.groups = comma_separated(args.groups);
  request.ip = args.ip;
  auto old_key = wazuh::read_agent_key(keys_file);
  if (!old_key) return report(old_key.error());
  if (*old_key) request.old_key_hash = wazuh::key_hash(**old_key);
  std::error_code made;
  std::filesystem::create_directories(std::filesystem::path(keys_file).parent_path(), made);
  wazuh::WaitLimit limit;
  limit.deadline_ns = wazuh::deadline_in_ms(kEnrolTimeoutMs);
  const wazuh::EnrolServer server{args.manager, static_cast<uint16_t>(args.port), args.ca_file, args.certificate,
                                  args.key};
  auto answer = wazuh::enrol(server, request, limit);
  // An older manager: tell it a version that it takes.
  while (answer && wazuh::says_version_too_high(answer->refusal)) {
    auto lower = wazuh::lower_version(request.version);
    if (!lower) break;
    request.version = *lower;
    answer = wazuh::enrol(server, request, limit);
  }
  if (!answer) return report(answer.error());
  if (answer->may_be_good) {
    fmt::print("the manager gives agent {} no other key: the one in {} is the manager's, or {}\n", (*old_key)->id,
               keys_file, wazuh::kReplacedLater);
    return 0;
  }
  if (answer->key.id.empty()) {
    const std::string advice = wazuh::advice_for(answer->refusal);
    return report({"the manager refused: " + answer->refusal + (advice.empty() ? "" : ". " + advice), Fault::kUser});
  }
  if (auto written = wazuh::write_key_file(keys_file, {answer->key}); !written) return report(written.error());
  fmt::print("enrolled as agent {} ({}); the key is in {}\n", answer->key.id, answer->key.name, keys_file);
  return 0;
}

}  // namespace tiercel::cli
