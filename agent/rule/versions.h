// required_engine_version and required_plugin_versions: which Falco this engine answers for, and which plugins it has
// built in. Source: reference 1.6.
#pragma once

#include <vector>

#include "agent/base/diagnostic.h"
#include "agent/rule/yaml.h"

namespace tiercel::rule {

// The rule language of this version of Falco's engine is what is implemented here.
inline constexpr const char* kEngineVersion = "0.63.0";

void check_engine_version(const YamlNode& item, Diagnostics& diagnostics);
// `unmet`: requirements that are well written and that nothing here meets.
void check_plugin_versions(const YamlNode& item, Diagnostics& diagnostics, std::vector<Diagnostic>& unmet);

}  // namespace tiercel::rule
