// Draft: what the readers of falco.yaml's keys fill, before its parts are put together. Inner to agent/falco.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/node.h"

namespace tiercel::falco {

struct Draft {
  std::string_view key;  // the row that is being read
  config::Config config;
  const config::TreeNode* rules_files = nullptr;
  const config::TreeNode* rules_file = nullptr;
  bool stdout_enabled = false;
  bool syslog_enabled = false;
  bool file_enabled = false;
  const config::TreeNode* file_node = nullptr;
  std::string file_name;
  const config::TreeNode* program_node = nullptr;   // where program_output was enabled
  std::string program;                              // for /bin/sh
  const config::TreeNode* http_node = nullptr;      // where http_output was enabled
  const config::TreeNode* insecure_node = nullptr;  // where http_output.insecure is true
  config::HttpOutput http;
  std::string http_user_agent = "falcosecurity/falco";
  bool http_mtls = false;
  const config::TreeNode* engine_node = nullptr;
  std::string engine_kind;
  std::string capture_file;
  std::vector<std::string> plugin_names;  // of `plugins`
  std::vector<std::string> unfed;         // outputs that are enabled and not supported
};

}  // namespace tiercel::falco
