// A finding in the AWS Security Finding Format, version 2018-10-08, and the same facts' names in its taxonomy. Limits
// and required attributes: docs.aws.amazon.com/securityhub, "Required top-level ASFF attributes", "Types taxonomy for
// ASFF", AwsSecurityFinding in the API reference; 240 KB a finding: "Guidelines for using the BatchImportFindings API".
// Pure functions, any thread.
#pragma once

#include <string>
#include <vector>

#include "siem/aws/finding.h"

namespace tiercel::aws {

inline constexpr size_t kFindingSizeMax = 240'000;

// `update`: Security Hub was told of it before, so severity and types go to FindingProviderFields only and leave alone
// what a customer made of them. `now_ns`, since the epoch, becomes UpdatedAt.
[[nodiscard]] std::string asff(const Finding& finding, const Place& place, uint64_t now_ns, bool update);

// "TTPs/Privilege Escalation/T1611"
[[nodiscard]] std::vector<std::string> asff_types(const Finding& finding);

struct Severity {
  const char* label;
  int normalized;
};
[[nodiscard]] Severity asff_severity(alert::Priority priority);

}  // namespace tiercel::aws
