// One function per subcommand; each returns the exit status: 0 fine, 1 the user's mistake, 2 the host lacks something,
// 3 a bug. Parsing of the command line is main.cpp's.
#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"

namespace tiercel::cli {

struct RunArgs {
  std::string config_file;
  std::vector<std::string> rules;
  bool json = false;
  bool no_manager = false;
  bool embedded_manager = false;
  std::string manager_host;  // MANAGER=host of `make run`
  std::string log_level;
  std::string state_dir, run_dir, host_root;
  std::string attach;           // a word of sensor.attach
  std::string children_mounts;  // as of RunOptions
  std::string record_to, replay_from;
  unsigned record_seconds = 0;
  std::string record_duration;  // "10m"
  unsigned record_size_mb = 0;
  std::string summary_to;
};
int run(const RunArgs& args);

int rules_check(const std::vector<std::string>& files, bool strict, bool json);
int rules_reload(const std::string& run_dir, bool json);
// page: fields, events, operators or codes; format: text, markdown or json
int reference(const std::string& page, const std::string& format);
// Nothing missing: 0; a configuration with mistakes: 1; something that the agent cannot do without: 2.
int doctor(const RunArgs& args, bool json);
// 0: all is well; 1: the agent runs and something is wrong, which is said; 2: no agent answers.
int status(const std::string& run_dir, bool json);

struct TopArgs {
  std::string run_dir = "/run/tiercel", view;
  double interval_s = 1;
  unsigned rows = 10;
  bool once = false, json = false;
};
int top(const TopArgs& args);

int outputs_list(const std::string& config_file, bool json);
struct OutputsTestArgs {
  std::string config_file, name;
  unsigned timeout_s = 30;
  bool json = false;
};
int outputs_test(const OutputsTestArgs& args);

struct DevManagerArgs {
  std::string dir;
  unsigned port = 1514, enrol_port = 1515;
  std::string password_file, shared_folder;
  bool json = false;
  bool unfriendly = false;
  unsigned workers = 4, queue = 16384;
  std::string protocol = "tcp", version = "v4.14.7", groups, tls = "any", client_ca;
  unsigned key_update_ms = 500, stall_ms = 50, frames_per_s = 0, udp_loss = 0;
};
int dev_manager(const DevManagerArgs& args);

struct EnrollArgs {
  std::string manager, name, groups, password_file, ca_file, keys_file, certificate, key, ip, config_file;
  unsigned port = 1515;
  bool later = false;  // only write down; the agent enrols
};
int enroll(const EnrollArgs& args);

// What local responses did and may do: docs/responses.md.
int respond_list(const std::string& run_dir, bool json);
int respond_rules(const std::string& run_dir, bool json);
int respond_undo(const std::string& run_dir, const std::string& id, bool json);

// One of response::shipped_scripts(), on standard input and output.
int response(const std::string& name);
// stock_agent: the folder of a wazuh-agent to install for, instead of home.
int response_install(const std::string& home, const std::string& stock_agent);
// What the agent tells its scripts of its configuration: managers, comma separated; where runtimes' records are.
inline constexpr const char* kManagersVariable = "TIERCEL_MANAGERS";
inline constexpr const char* kDockerRootVariable = "TIERCEL_DOCKER_ROOT";
inline constexpr const char* kStorageRootVariable = "TIERCEL_STORAGE_ROOT";

// Where the rules are when nobody says: those that are installed, else the checkout's.
std::vector<std::string> default_rules();

// Prints "tiercel: message" on standard error; returns the exit status that belongs to it.
int report(const Error& error);
bool colour_wanted(int fd);

}  // namespace tiercel::cli
