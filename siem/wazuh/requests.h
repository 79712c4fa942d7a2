// Requests: what a manager's API asks of an agent ("#!-req COUNTER TARGET PAYLOAD"), and what Tiercel says. Questions
// about configuration and state get the JSON that the API and its dashboard expect, with what is true of this agent:
// parts of a stock agent that Tiercel does not have (file integrity, log collection, modules) are empty lists or
// disabled. Starting anew is the owner's to do. Upgrades are refused with a reason, at their first step: the manager
// shows its own words for the step ("Send lock restart error") and writes ours into its log. Everything else is refused
// with the words of a stock agent.
//
// Pure; any thread. Hostile text is welcome; an answer has at most kAnswerBytesMax bytes. Facts: Wazuh 4.14, section
// "Requests", and the answers of its daemons.
#pragma once

#include <cstdint>
#include <string>

#include "siem/wazuh/crypto.h"
#include "siem/wazuh/message.h"
#include "siem/wazuh/options.h"

namespace tiercel::wazuh {

inline constexpr size_t kAnswerBytesMax = 65'000;

// What changes while the agent runs.
struct RequestFacts {
  uint64_t last_keepalive_ns = 0;  // since the epoch; 0: never
  uint64_t last_ack_ns = 0;
  uint64_t messages = 0;  // of any kind, sent in this session
  Cipher cipher = Cipher::kAes;
  uint64_t started_ns = 0;  // the sink, since the epoch
  uint64_t now_ns = 0;
  uint64_t alerts = 0;   // that the agent has made since its start
  uint64_t waiting = 0;  // of these, not confirmed
  bool takes_responses = false;
  bool can_restart = false;
  bool can_reload = false;
};

struct Answer {
  std::string text;
  AgentAction action = AgentAction::kNone;  // to be done once the answer is on its way
};

[[nodiscard]] Answer answer_request(const Request& request, const WazuhOptions& options, const RequestFacts& facts);

}  // namespace tiercel::wazuh
