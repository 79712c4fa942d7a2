// AgentStore: the dev-manager's agents: client.keys in its folder, and the enrolment of new ones by the rules of authd.
// The receiver sees a new key only after its next look at the file, as remoted does.
//
// Any thread. Facts: Wazuh 4.14, section "Enrolment".
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "siem/wazuh/keys.h"

namespace tiercel::wazuh {

struct AgentStoreOptions {
  std::string keys_file;
  std::string password;             // empty: none is asked for
  std::vector<std::string> groups;  // that exist; empty: every well-formed one
  std::string version = "v4.14.7";
  std::string own_name = "tiercel-dev-manager";  // no agent may have it
  int key_update_ms = 500;
};

class AgentStore {
 public:
  explicit AgentStore(AgentStoreOptions options);

  Result<> load();

  // The answer to one request line (without its newline) from that address.
  [[nodiscard]] std::string enrol(std::string_view line, std::string_view address);

  // As of the receiver's last look at the key file.
  [[nodiscard]] std::optional<AgentKey> known(std::string_view id);
  [[nodiscard]] bool version_is_too_high(std::string_view version) const;

 private:
  struct Request;
  [[nodiscard]] std::string refusal(Request& request, std::string_view line, std::string_view address) const;
  [[nodiscard]] std::string group_refusal(std::string_view groups) const;
  [[nodiscard]] std::string add(const Request& request);
  void look_at_file();

  const AgentStoreOptions options_;
  mutable std::mutex mutex_;
  std::vector<AgentKey> keys_;   // under mutex_: the file
  std::vector<AgentKey> known_;  // under mutex_: what the receiver has read
  uint64_t next_look_ns_ = 0;    // under mutex_
  unsigned last_id_ = 0;         // under mutex_: an id is never given twice
};

}  // namespace tiercel::wazuh
