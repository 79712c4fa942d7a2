// A finding as OCSF's Detection Finding (class 2004) of version 1.6, profiles cloud and host. Facts: the schema's own
// files (github.com/ocsf/ocsf-schema: events/findings, objects, dictionary.json). Pure, any thread.
#pragma once

#include <string>

#include "siem/aws/finding.h"

namespace tiercel::aws {

[[nodiscard]] std::string ocsf(const Finding& finding, const Place& place, uint64_t now_ns, bool update);

}  // namespace tiercel::aws
