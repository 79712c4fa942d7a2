// Finding: what a finding service is told of an alert, before it has that service's form (asff.h, ocsf.h). Read from
// the normalised event (decoders/ALERT.md) without trust: parsing does not recurse, wrong types read as nothing, sizes
// are bounded; where the event cannot be read, the alert's own few facts are used. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/alert/alert.h"

namespace tiercel::aws {

// Where the agent runs, for the ARNs.
struct Place {
  std::string account;  // 12 digits
  std::string region;
  std::string partition;  // aws, aws-cn, aws-us-gov
  // Empty: no EC2 instance, or not known. The instance's own account may be another than that of the findings.
  std::string instance_id, instance_arn, instance_type, image_id, zone;
};

struct Finding {
  // Of everything that is told again and again as one finding, and stable over restarts: host, rule, container,
  // program. Never a pid. At most 512 characters.
  std::string id;
  std::string alert_id;  // of the latest
  std::string rule, source, message, host;
  alert::Priority priority = alert::Priority::kDebug;
  std::vector<std::string> tactics, techniques;  // ATT&CK: "privilege_escalation", "T1611"

  uint64_t first_ns = 0, last_ns = 0;  // since the epoch
  uint64_t count = 1;                  // alerts

  struct Process {
    std::string name, path, command_line, directory, parent_name, parent_command_line, user, uid;
    std::optional<int32_t> pid, parent_pid;
  } process;
  struct Container {
    std::string id, name, runtime, image, tag, digest, pod_namespace, pod, pod_uid;
    std::optional<bool> privileged;
  } container;
  struct Network {
    std::string protocol, source, destination;  // addresses; empty: not known
    std::optional<uint16_t> source_port, destination_port;
    bool inbound = false, outbound = false;
  } network;
  // Leaves of the event in their order, with the contract's keys; lists with commas between.
  std::vector<std::pair<std::string, std::string>> facts;
};

[[nodiscard]] Finding read_finding(const alert::Alert& alert);
// Takes in a later alert of the same id: the latest facts, the sum, the first time.
void add_repeat(Finding& finding, Finding later);

// At most so many characters, whole ones; bytes that are no UTF-8 are U+FFFD.
[[nodiscard]] std::string bounded(std::string_view text, size_t characters_max);
[[nodiscard]] bool is_blank(std::string_view text);

}  // namespace tiercel::aws
