// Silence: which agents have fallen silent, and whose hooks changed though their rules did not. A manager's rules can
// do the first only by its own times and the second not at all (docs/self-protection.md); the dev-manager does it by
// this. Any frame is a sign of life: an agent that lives sends a keep-alive every 20 s. An agent counts from its first
// frame on, until it says that it ends. Pure: what was heard and times come in, findings come out. One thread at a
// time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::wazuh {

class Silence {
 public:
  static constexpr uint64_t kSilentNs = 25'000'000'000;
  static constexpr uint64_t kSettleNs = 10'000'000'000;  // from new rules to the hooks that they want

  struct Finding {
    std::string agent_id, agent_name;
    std::string rule, message;
    std::vector<std::pair<std::string, std::string>> fields;
  };

  void heard(const std::string& agent_id, const std::string& agent_name, uint64_t now_ns);
  // "tiercel: {...}"; all but heartbeats change nothing.
  void event(const std::string& agent_id, std::string_view text);
  void started(const std::string& agent_id);
  void ended(const std::string& agent_id);  // in good order: what other workers still hand over is from before

  [[nodiscard]] std::vector<Finding> look(uint64_t now_ns);

 private:
  struct Agent {
    std::string name;
    uint64_t heard_ns = 0;
    bool ended = false, silent = false;  // silent: told
    std::string rules_digest, attached_digest;
    uint64_t uptime_s = 0, settled_ns = 0;
  };
  std::map<std::string, Agent> agents_;
  std::vector<Finding> found_;
};

// As an event's text: "tiercel: {...}".
[[nodiscard]] std::string text_of(const Silence::Finding& finding, uint64_t number, uint64_t realtime_ns);

}  // namespace tiercel::wazuh
