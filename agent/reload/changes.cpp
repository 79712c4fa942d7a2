#include "agent/reload/changes.h"

namespace tiercel::reload {

using config::Config;

config::Config applied(const Config& running, const Config& read) {
  Config out = running;
  out.rules_files = read.rules_files;
  out.priority = read.priority;
  out.rule_matching = read.rule_matching;
  out.rules = read.rules;
  out.append_output = read.append_output;
  out.watch_config_files = read.watch_config_files;
  out.heartbeat_interval_s = read.heartbeat_interval_s;
  out.self_test_interval_s = read.self_test_interval_s;
  out.sensor.procinfo_interval_s = read.sensor.procinfo_interval_s;
  out.log_level = read.log_level;
  const bool responds = running.response.enabled;
  out.response = read.response;
  out.response.enabled = responds;
  out.group_configuration = read.group_configuration;
  out.group_rules = read.group_rules;
  return out;
}

std::vector<std::string> keys_that_need_a_restart(const Config& running, const Config& read) {
  Config known = applied(running, read);  // grows into `read`, key by key
  std::vector<std::string> keys;
  auto compare = [&](const char* name, auto Config::*member) {
    if (known.*member == read.*member) return;
    keys.emplace_back(name);
    known.*member = read.*member;
  };
  compare("json_output", &Config::json_output);
  compare("json_include_output_property", &Config::json_include_output_property);
  compare("json_include_message_property", &Config::json_include_message_property);
  compare("json_include_output_fields_property", &Config::json_include_output_fields_property);
  compare("json_include_tags_property", &Config::json_include_tags_property);
  compare("time_format_iso_8601", &Config::time_format_iso_8601);
  compare("static_fields", &Config::static_fields);  // compiled into rules, and one set for all that live
  compare("outputs", &Config::outputs);
  compare("wazuh", &Config::wazuh);
  compare("spool", &Config::spool);
  compare("history", &Config::history);
  compare("sensor", &Config::sensor);
  compare("containers", &Config::containers);
  compare("active_response", &Config::active_response);
  compare("response", &Config::response);  // only whether there are any
  compare("metrics", &Config::metrics);
  compare("hardening", &Config::hardening);
  compare("host_root", &Config::host_root);
  compare("state_dir", &Config::state_dir);
  compare("run_dir", &Config::run_dir);
  if (!(known == read)) keys.emplace_back("others");  // a key that is missing above
  return keys;
}

}  // namespace tiercel::reload
