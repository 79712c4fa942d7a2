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
  const config::TreeNode* engine_node = nullptr;
  std::string engine_kind;
  std::string capture_file;
  std::vector<std::string> plugin_names;  // of `plugins`
  std::vector<std::string> unfed;         // outputs that are enabled and not supported
};

}  // namespace tiercel::falco
