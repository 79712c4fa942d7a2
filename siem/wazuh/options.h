// WazuhOptions: everything that an operator, or a test, may say about the connection to Wazuh managers. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/alert/alert.h"
#include "siem/wazuh/delivery.h"
#include "siem/wazuh/keys.h"
#include "siem/wazuh/message.h"

namespace tiercel::wazuh {

// How a manager is spoken to. UDP is for managers that take nothing else: see secure_udp.h for how little it proves.
enum class Protocol : uint8_t { kTcp, kUdp };

struct ManagerAddress {
  std::string host;
  uint16_t port = 1514;
  uint16_t enrol_port = 1515;
  Protocol protocol = Protocol::kTcp;
};

struct WazuhOptions {
  std::vector<ManagerAddress> managers;  // tried in turn
  std::string keys_file;                 // client.keys; its folder must exist
  std::optional<AgentKey> key;           // that is used, whatever the file says
  std::string counter_file;              // empty: keys_file + ".counter"
  alert::Priority least_priority = alert::Priority::kDebug;
  uint64_t condition = 0;       // of Alert::refused_by; 0: none
  uint32_t rate_max_per_s = 0;  // alerts sent, at most; 0: no limit

  // Enrolment, when keys_file has no key or the manager no longer knows it.
  bool enrol_if_needed = true;
  std::string agent_name;  // empty: the host's name
  std::vector<std::string> groups;
  std::string password;            // never logged
  std::string ca_file;             // empty: the manager's certificate is not checked
  std::string client_certificate;  // PEM; empty: none is shown
  std::string client_key;          // PEM
  std::string agent_ip;            // empty: the manager decides; "any", "src", an address or a network

  std::string version = kReportedVersion;
  bool version_pinned = false;  // a manager that finds it too high is not told a lower one
  std::vector<Label> labels;
  std::string shared_md5;  // of the merged.mg that is here from before; empty: none
  bool announce = true;    // tells of the agent's start with the first session

  // Numbers of the real agent; tests shorten them.
  int keepalive_ms = 20'000;
  int answer_timeout_ms = 60'000;  // startup without an answer
  int silence_max_ms = 60'000;     // no control message: reconnect
  int connect_timeout_ms = 10'000;
  int reconnect_ms_min = 1'000;
  int reconnect_ms_max = 15'000;
  int enrol_ms_min = 5'000;  // after a refused enrolment with a manager, doubling
  int enrol_ms_max = 300'000;
  DeliveryOptions delivery;
  size_t shared_file_bytes_max = 8u << 20;
};

}  // namespace tiercel::wazuh
