// The manager's side of the interoperability tests: the command `tiercel dev-manager` without the rest of the program.
// usage: manager_probe DIR PASSWORD GROUP [PORT ENROL_PORT]
#include <string>

#include "siem/wazuh/manager/dev_manager.h"

int main(int count, char** words) {
  tiercel::wazuh::DevManagerOptions options;
  options.port = 0;
  options.enrol_port = 0;
  options.key_update_ms = 50;
  options.stall_ms_max = 5;
  options.stall_percent = 10;
  if (count > 1) options.dir = words[1];
  if (count > 2) options.password = words[2];
  if (count > 3) options.groups = {words[3]};
  if (count > 5) {
    options.port = static_cast<uint16_t>(std::stoi(words[4]));
    options.enrol_port = static_cast<uint16_t>(std::stoi(words[5]));
  }
  return tiercel::wazuh::run_dev_manager(options, true);
}
