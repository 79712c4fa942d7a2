// The response scripts that come with Tiercel, as `tiercel response NAME`: they speak execd's protocol on standard
// input and output, so that the agent, a stock wazuh-execd or a person at a terminal runs them alike. And what installs
// them: a file in active-response/bin is two lines of sh. One thread.
//
// Beside check_keys each says at its end what became of it: {"command":"result","parameters":{"result":"done","reason":
// "killed xmrig(4711)"}, ...}. execd passes that by; our agent puts it into its receipt. Other scripts may say it too.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/response/kill.h"

namespace tiercel::response {

struct ScriptOptions {
  int input = 0, output = 1;  // descriptors
  StartTimeOf start_time_of;
  std::vector<std::string> managers;      // names or addresses that are never blocked
  std::string docker_root, storage_root;  // ContainerKill
};

struct ShippedScript {
  std::string_view name;
  std::string_view what;   // one line for a person
  bool stock_has = false;  // a stock agent brings a script of that name
  bool has_undo = false;   // it may have a timeout
};
[[nodiscard]] std::span<const ShippedScript> shipped_scripts();

// Exit status: 0 done, or aborted because execd said so; 1 refused or failed. Standard error and
// logs/active-responses.log (where there is such a folder) say what was done.
int run_shipped(std::string_view name, const ScriptOptions& options);

struct Install {
  std::string home;          // its folders are made if absent
  bool stock_agent = false;  // home is a wazuh-agent's: nothing is made, and its own scripts stay
  std::string program;       // absolute path of tiercel
};
// What was done, a line for each file.
[[nodiscard]] Result<std::vector<std::string>> install_scripts(const Install& install);

}  // namespace tiercel::response
