// App: builds every part in order, runs the loop, takes everything down again. The only file that knows all parts.
#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/config/config.h"
#include "agent/outputs.h"
#include "agent/reload/reloader.h"

namespace tiercel {

struct RunOptions {
  config::Config config;
  std::string config_file;         // where `config` is from; watched for changes. Empty: from nowhere
  reload::ReadConfig read_config;  // reads it again, with what the command line changes
  OutputOptions outputs;
  std::string record_to;          // `tiercel record`: a copy of every record goes to this file
  std::string replay_from;        // `tiercel replay`: records come from this file instead of the kernel
  unsigned stop_after_s = 0;      // 0: at SIGINT or SIGTERM only
  uint64_t record_bytes_max = 0;  // likewise
  std::string summary_to;         // of a recording or a replay: the end's figures go to this file as JSON; "-": stdout
  bool control_socket = true;
  std::string children_mounts;  // where programs that it starts find their files, see broker::start(); empty: as it
};

// Returns when SIGINT or SIGTERM came, or the recording ended.
Result<> run_agent(const RunOptions& options);

inline constexpr const char* kVersion = TIERCEL_VERSION;

}  // namespace tiercel
