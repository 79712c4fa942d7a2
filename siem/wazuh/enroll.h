// Enrolment: how an agent gets its key from a manager (authd, port 1515, TLS 1.2 or 1.3). Blocking, with a limit to
// every wait; call it on a sink's thread. Errors are whole sentences: what was tried, what the manager said, the way
// out. The password and the key are never in them.
//
// Without a CA file the manager's certificate is not checked, as by a stock agent: the connection is encrypted, but to
// whoever answered. With one, the certificate must name the host (or address) that we connect to. Facts: Wazuh 4.14,
// section "Enrolment".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "siem/wazuh/keys.h"
#include "siem/wazuh/tcp.h"

namespace tiercel::wazuh {

struct EnrolRequest {
  std::string agent_name;
  std::string version;              // "v4.14.0"; empty: not said
  std::vector<std::string> groups;  // they must exist on the manager
  std::string ip;                   // empty, "any", "src", an address or a network
  std::string password;             // empty: none
  std::string old_key_hash;         // key_hash() of the key we have; empty: none
};

// The one line of the request, newline included; an error for what the line cannot carry.
[[nodiscard]] Result<std::string> enrol_line(const EnrolRequest& request);

// The manager's whole answer.
struct EnrolAnswer {
  AgentKey key;         // empty id: refused
  std::string refusal;  // the manager's words after "ERROR: "
  // Refused after old_key_hash: the key we have is the manager's, or its <force> does not let the agent be replaced yet
  // (stock: not within an hour of its enrolment or its last connection). Both are the same words on the wire.
  bool may_be_good = false;
};
[[nodiscard]] Result<EnrolAnswer> parse_enrol_answer(std::string_view answer, bool had_old_key);

struct EnrolServer {
  std::string host;
  uint16_t port = 1515;
  std::string ca_file = {};             // PEM; empty: not checked
  std::string client_certificate = {};  // PEM, with its chain; empty: none is shown
  std::string client_key = {};          // PEM; empty: in the certificate's file
};
[[nodiscard]] Result<EnrolAnswer> enrol(const EnrolServer& server, const EnrolRequest& request, const WaitLimit& limit);

// The other reading of may_be_good.
inline constexpr std::string_view kReplacedLater =
    "its <force> does not let the agent be replaced yet (after_registration_time, disconnected_time; if the key is "
    "wrong "
    "remove the agent on the manager)";

// What the user can do about the manager's refusal; empty when we know nothing.
[[nodiscard]] std::string advice_for(std::string_view refusal);

}  // namespace tiercel::wazuh
