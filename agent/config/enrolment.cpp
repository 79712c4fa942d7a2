#include "agent/config/enrolment.h"

#include <algorithm>
#include <string_view>

#include "agent/config/load.h"

namespace tiercel::config {
namespace {

std::string beside(const std::string& config_file, std::string_view name) {
  const size_t slash = config_file.rfind('/');
  return (slash == std::string::npos ? std::string() : config_file.substr(0, slash + 1)) + std::string(name);
}

// In single quotes, where only the quote itself means something, and ${ would be a variable.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') out += '\'';
    if (text.compare(i, 2, "${") == 0) out += '$';
    out += text[i];
  }
  return out + "'";
}

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::string enrolment_file_of(const std::string& config_file) {
  return beside(config_file, "enrolment.yaml");
}

std::string enrolment_password_file_of(const std::string& config_file) {
  return beside(config_file, "enrolment.pass");
}

Result<std::string> enrolment_text(const Wazuh& wazuh) {
  std::string out =
      "# Written by `tiercel enroll`, or when the package was installed. What tiercel.yaml leaves open is taken from "
      "here.\n"
      "wazuh:\n  managers:\n";
  std::string all;
  for (const WazuhManager& manager : wazuh.managers) {
    all += manager.host;
    out += "    - host: " + quoted(manager.host) + "\n";
    out += "      enrol_port: " + std::to_string(manager.enrol_port) + "\n";
  }
  const auto line = [&](const char* key, const std::string& value) {
    all += value;
    if (!value.empty()) out += std::string("  ") + key + ": " + quoted(value) + "\n";
  };
  line("agent_name", wazuh.agent_name);
  line("password_file", wazuh.password_file);
  line("ca_file", wazuh.ca_file);
  line("client_certificate", wazuh.client_certificate);
  line("client_key", wazuh.client_key);
  line("agent_ip", wazuh.agent_ip);
  line("keys_file", wazuh.keys_file);
  if (!wazuh.groups.empty()) out += "  groups:\n";
  for (const std::string& group : wazuh.groups) {
    all += group;
    out += "    - " + quoted(group) + "\n";
  }
  if (has_control(all)) return fail("a name or a path has a control character in it", Fault::kUser);
  Diagnostics diagnostics;
  const auto read = parse(out, "enrolment.yaml", diagnostics, [](const std::string&) { return std::nullopt; });
  if (!read) return fail("cannot be written down as it is:\n" + diagnostics.render_all(false), Fault::kUser);
  return out;
}

void take_enrolment(Wazuh& wazuh, const Wazuh& enrolment) {
  if (wazuh.managers.empty()) wazuh.managers = enrolment.managers;
  if (wazuh.groups.empty()) wazuh.groups = enrolment.groups;
  if (wazuh.password_file.empty() && wazuh.password.empty()) wazuh.password_file = enrolment.password_file;
  const auto take = [](std::string& into, const std::string& from) {
    if (into.empty()) into = from;
  };
  take(wazuh.agent_name, enrolment.agent_name);
  take(wazuh.ca_file, enrolment.ca_file);
  if (wazuh.client_certificate.empty()) {  // the two belong together
    wazuh.client_certificate = enrolment.client_certificate;
    take(wazuh.client_key, enrolment.client_key);
  }
  take(wazuh.agent_ip, enrolment.agent_ip);
  take(wazuh.keys_file, enrolment.keys_file);
}

}  // namespace tiercel::config
