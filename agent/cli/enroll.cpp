// tiercel enroll
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "agent/base/diagnostic.h"
#include "agent/base/fd.h"
#include "agent/cli/arguments.h"
#include "agent/cli/commands.h"
#include "agent/config/enrolment.h"
#include "agent/config/load.h"
#include "agent/response/child.h"
#include "siem/wazuh/enroll.h"
#include "siem/wazuh/keys.h"
#include "siem/wazuh/message.h"

namespace tiercel::cli {
namespace {

constexpr const char* kDefaultConfig = "/etc/tiercel/tiercel.yaml";
constexpr const char* kPasswordVariable = "WAZUH_REGISTRATION_PASSWORD";
constexpr const char* kUnit = "tiercel.service";
constexpr int kEnrolTimeoutMs = 20'000;
constexpr int kSystemctlLimitMs = 10'000;
constexpr unsigned kEnrolmentMode = 0644;  // no secret in it
constexpr unsigned kPasswordMode = 0600;

Result<std::string> password_of(const EnrollArgs& args) {
  if (!args.password_file.empty()) return first_line(args.password_file);
  const char* password = std::getenv(kPasswordVariable);
  const std::string text = password == nullptr ? "" : password;
  if (text.find_first_of("\r\n") != std::string::npos)
    return fail(fmt::format("{} has more than one line", kPasswordVariable), Fault::kUser);
  return text;
}

Result<config::Wazuh> wanted(const EnrollArgs& args) {
  config::Wazuh wazuh;
  for (const std::string& host : comma_separated(args.manager))
    wazuh.managers.push_back({.host = host, .enrol_port = static_cast<uint16_t>(args.port)});
  if (wazuh.managers.empty()) return fail("--manager names no manager", Fault::kUser);
  if (!args.name.empty() && !wazuh::valid_agent_name(args.name))
    return fail("--name: an agent's name has 2 to 128 letters, digits, dots, dashes and underscores", Fault::kUser);
  wazuh.agent_name = args.name;
  wazuh.groups = comma_separated(args.groups);
  wazuh.ca_file = args.ca_file;
  wazuh.client_certificate = args.certificate;
  wazuh.client_key = args.key;
  wazuh.agent_ip = args.ip;
  wazuh.keys_file = args.keys_file;
  return wazuh;
}

// Asks the managers in their order for a key, until one answers.
Result<wazuh::EnrolAnswer> ask(const config::Wazuh& wazuh, wazuh::EnrolRequest request) {
  Result<wazuh::EnrolAnswer> answer;
  for (const config::WazuhManager& manager : wazuh.managers) {
    wazuh::WaitLimit limit;
    limit.deadline_ns = wazuh::deadline_in_ms(kEnrolTimeoutMs);
    const wazuh::EnrolServer server{manager.host, manager.enrol_port, wazuh.ca_file, wazuh.client_certificate,
                                    wazuh.client_key};
    answer = wazuh::enrol(server, request, limit);
    // An older manager: tell it a version that it takes.
    while (answer && wazuh::says_version_too_high(answer->refusal)) {
      auto lower = wazuh::lower_version(request.version);
      if (!lower) break;
      request.version = *lower;
      answer = wazuh::enrol(server, request, limit);
    }
    if (answer) break;
    if (wazuh.managers.size() > 1) fmt::print(stderr, "tiercel: {}: {}\n", manager.host, answer.error().message);
  }
  return answer;
}

Result<> fetch_key(const config::Wazuh& wazuh, const std::string& password, const std::string& keys_file) {
  wazuh::EnrolRequest request;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  request.agent_name = wazuh.agent_name.empty() ? wazuh::agent_name_of_host(host.data()) : wazuh.agent_name;
  request.version = wazuh::kReportedVersion;
  request.password = password;
  request.groups = wazuh.groups;
  request.ip = wazuh.agent_ip;
  auto old_key = wazuh::read_agent_key(keys_file);
  if (!old_key) return tl::unexpected(old_key.error());
  if (*old_key) request.old_key_hash = wazuh::key_hash(**old_key);
  std::error_code made;
  std::filesystem::create_directories(std::filesystem::path(keys_file).parent_path(), made);
  const auto answer = ask(wazuh, std::move(request));
  if (!answer) return tl::unexpected(answer.error());
  if (answer->may_be_good) {
    fmt::print("the manager gives agent {} no other key: the one in {} is the manager's, or {}\n", (*old_key)->id,
               keys_file, wazuh::kReplacedLater);
    return {};
  }
  if (answer->key.id.empty()) {
    const std::string advice = wazuh::advice_for(answer->refusal);
    return fail("the manager refused: " + answer->refusal + (advice.empty() ? "" : ". " + advice), Fault::kUser);
  }
  if (auto written = wazuh::write_key_file(keys_file, {answer->key}); !written) return written;
  fmt::print("enrolled as agent {} ({}); the key is in {}\n", answer->key.id, answer->key.name, keys_file);
  return {};
}

// enrolment.yaml beside the configuration, and the password beside it, which the agent needs if it must enrol again.
Result<> write_down(config::Wazuh wazuh, const std::string& password, const std::string& config_file) {
  std::error_code made;
  const auto folder = std::filesystem::path(config_file).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, made);
  const std::string password_file = config::enrolment_password_file_of(config_file);
  if (!password.empty()) wazuh.password_file = password_file;
  auto text = config::enrolment_text(wazuh);
  if (!text) return tl::unexpected(text.error());
  if (!password.empty())
    if (auto written = write_file_atomically(password_file, password + "\n", kPasswordMode); !written) return written;
  const std::string file = config::enrolment_file_of(config_file);
  if (auto written = write_file_atomically(file, *text, kEnrolmentMode); !written) return written;
  fmt::print("{} says which manager this host belongs to\n", file);
  return {};
}

// tiercel.yaml is its owner's: where it names managers itself, they count.
void tell_of_other_managers(const config::Wazuh& wazuh, const std::string& config_file) {
  if (::access(config_file.c_str(), F_OK) != 0) return;
  Diagnostics diagnostics;
  const auto config = config::load(config_file, diagnostics);
  if (!config || config->wazuh.managers.empty() || config->wazuh.managers.front().host == wazuh.managers.front().host)
    return;
  fmt::print(stderr, "tiercel: note: {} names another manager itself, {}, and that one counts: change it there\n",
             config_file, config->wazuh.managers.front().host);
}

// A running agent reads managers only at its start.
void restart_agent() {
  const std::string systemctl = response::find_tool("systemctl");
  if (systemctl.empty() || ::access("/run/systemd/system", F_OK) != 0) {
    fmt::print("an agent that runs already takes this up at its next start\n");
    return;
  }
  const auto ran = response::run_tool(systemctl, {"try-restart", kUnit}, "", kSystemctlLimitMs);
  if (ran && ran->exit_status == 0) return;
  fmt::print(stderr, "tiercel: restart the agent for this to count: systemctl restart {}\n", kUnit);
}

}  // namespace

int enroll(const EnrollArgs& args) {
  auto password = password_of(args);
  if (!password) return report(password.error());
  auto wazuh = wanted(args);
  if (!wazuh) return report(wazuh.error());
  // Only a key for somewhere else: nothing of this host's agent is touched.
  const bool key_only = !args.keys_file.empty() && args.config_file.empty();
  if (key_only && args.later) return report({"--later writes no key: leave --keys out", Fault::kUser});
  const std::string config_file = args.config_file.empty() ? kDefaultConfig : args.config_file;
  const std::string keys_file = args.keys_file.empty() ? config::Config{}.wazuh_keys_file() : args.keys_file;
  if (!args.later)
    if (auto got = fetch_key(*wazuh, *password, keys_file); !got) return report(got.error());
  if (key_only) return 0;
  if (auto written = write_down(*wazuh, *password, config_file); !written) return report(written.error());
  tell_of_other_managers(*wazuh, config_file);
  if (args.later)
    fmt::print("the agent enrols when it starts\n");
  else if (args.config_file.empty())
    restart_agent();
  return 0;
}

}  // namespace tiercel::cli
