// The file enrolment.yaml beside tiercel.yaml: which manager this host belongs to, as `tiercel enroll` or the package's
// installation wrote it down. So no program ever edits tiercel.yaml, which is its owner's. load() takes from it what
// tiercel.yaml leaves open: the managers and how to enrol with them. It holds no secret; the password lies beside it.
//
// Pure functions; any thread.
#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/config/config.h"

namespace tiercel::config {

[[nodiscard]] std::string enrolment_file_of(const std::string& config_file);
[[nodiscard]] std::string enrolment_password_file_of(const std::string& config_file);

// YAML that load() reads back as the same managers, name, groups, files and address. An error names what cannot be
// written down or would be refused: a control character, a host that is none.
[[nodiscard]] Result<std::string> enrolment_text(const Wazuh& wazuh);

// What `wazuh` leaves open is taken from `enrolment`; without managers of its own, those too.
void take_enrolment(Wazuh& wazuh, const Wazuh& enrolment);

}  // namespace tiercel::config
