// What the configuration says about rules, in the rule library's words: the one place where the two meet. Pure.
#pragma once

#include "agent/config/config.h"
#include "agent/rule/load.h"
#include "agent/rule/static_fields.h"

namespace tiercel {

[[nodiscard]] rule::LoadOptions rule_options(const config::Config& config);
[[nodiscard]] rule::StaticFields static_fields_of(const config::Config& config);

// The conditions of the configuration's outputs; file: for diagnostics. Only the agent that has those outputs judges
// them.
void add_output_conditions(rule::LoadOptions& options, const config::Config& config, const std::string& file);

}  // namespace tiercel
