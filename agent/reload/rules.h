// The rules that a configuration asks for, and what they ask of the sensor. Reads the disk; any thread.
#pragma once

#include <memory>
#include <vector>

#include "agent/config/config.h"
#include "agent/rule/load.h"
#include "agent/sensor/source.h"

namespace tiercel::reload {

// A path of rules_files that does not exist is a warning: falco.yaml's list names files that need not be there. What is
// read in its place, if anything: agent/config/rule_places.h.
// `options` are what the configuration says of rules otherwise.
[[nodiscard]] rule::Loaded load_rules(const config::Config& config, rule::LoadOptions options = {});

// Why a set cannot be the one that runs: nothing in it is active. Empty when it can.
[[nodiscard]] std::string why_useless(const rule::Loaded& loaded, const config::Config& config);

// Keeps the rules: what the kernel leaves out is made from them when it is put in force.
[[nodiscard]] sensor::Wanted wanted_by(const std::shared_ptr<const rule::RuleSet>& rules,
                                       const config::Config& config = {});

// The responses that the kernel can carry out by itself, wholly or in part (agent/rule/exact.h): of wanted_by().
// None where responses are off; all dry where the configuration says so; none of a group's files, which only tell.
[[nodiscard]] std::vector<sensor::KernelResponse> kernel_responses(const rule::RuleSet& rules,
                                                                   const config::Config& config = {});

}  // namespace tiercel::reload
